/** A record as it travels: CloudEvents attributes in the headers (binary mode), data as it is. */
export interface BusMessage {
  readonly topic: string;
  /** Messages of one key keep their order. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
}

/** A message with its place in the log. */
export interface BusRecord extends BusMessage {
  readonly partition: number;
  /** Place in the partition, rising; decimal, because logs outgrow what a number holds. */
  readonly offset: string;
  /** When the log took the record, on the log's clock. */
  readonly storedAt: Date;
}

/** What a group reads, and what is done with it. */
export interface BusSubscription {
  /** Consumers of the same group share a topic's partitions; different groups each get everything. */
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Takes the next records of ONE partition, in order. Batches of different partitions come concurrently, batches of one partition
   * never do. Resolving means that the group is done with them. After a rejection the same records come again, a little later.
   */
  handle(records: readonly BusRecord[]): Promise<void>;
}

/** One consumer of a group. */
export interface BusConsumer {
  /** Takes no new batch, waits for the batches in hand, and hands its partitions to the rest of the group. */
  stop(): Promise<void>;
}

/** How far a group is behind a topic. */
export interface GroupLag {
  readonly group: string;
  readonly topic: string;
  /** Records published and not yet handled by the group. */
  readonly records: number;
}

/**
 * A partitioned log with consumer groups: Kafka, or tables of the embedded database. Delivery is at least once; a group new to a
 * topic starts with the earliest record kept. Each driver passes `eventBusContract`.
 */
export interface EventBus {
  /** What the records are kept in, as traces name it. */
  readonly system: 'kafka' | 'postgresql';
  /**
   * Appends messages, each key's in the order given. Resolves when all are stored so that they survive a crash; after a
   * rejection any of them may have been stored.
   */
  publish(messages: readonly BusMessage[]): Promise<void>;
  /**
   * Joins a group; the group may share out its partitions a little later. The database bus creates topics that don't exist;
   * Kafka has those declared when it was connected, and refuses others.
   */
  subscribe(subscription: BusSubscription): Promise<BusConsumer>;
  /** Lag of every group this process takes part in. */
  lag(): Promise<readonly GroupLag[]>;
  /** Stops all consumers as `BusConsumer.stop` does, and closes connections that the bus has made itself. */
  close(): Promise<void>;
}
