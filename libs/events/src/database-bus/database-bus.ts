import type { Database, Tx } from '@q2/database';
import { BackgroundLoop } from '../background-loop.js';
import type { BusConsumer, BusMessage, BusSubscription, EventBus, GroupLag } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { Leases } from '../lease/leases.js';
import { appendedChannel, BusLog } from './bus-log.js';
import { GroupConsumer, groupChangedChannel } from './group-consumer.js';

/** @see DatabaseBus */
export interface DatabaseBusOptions {
  /** Connected to `busSchema`. */
  readonly database: Database;
  readonly log: EventLog;
  /** Name of this process among all that use the bus. */
  readonly member: string;
  /** Partitions of a new topic; must be the same in every process. @default 8 */
  readonly partitions?: number;
  /** A consumer that dies is replaced after this time. @default 10000 */
  readonly leaseMs?: number;
  /** Consumers look for records this often even where no notification came. @default 5000 */
  readonly pollMs?: number;
  /** Records of one partition handled at once. @default 100 */
  readonly batchSize?: number;
  /** Records are kept this long, handled or not. @default 604800000, seven days */
  readonly retentionMs?: number;
}

const retentionBatch = 5_000;
const hourMs = 3_600_000;

/** The event bus of small installations: a partitioned log and consumer groups in tables of the platform's own database. */
export class DatabaseBus implements EventBus {
  readonly system = 'postgresql';
  private readonly busLog: BusLog;
  private readonly leases: Leases;
  private readonly consumers = new Set<GroupConsumer>();
  private readonly retention: BackgroundLoop;
  private listening: Promise<readonly (() => Promise<void>)[]> | undefined;

  constructor(private readonly options: DatabaseBusOptions) {
    this.busLog = new BusLog(options.partitions ?? 8);
    this.leases = new Leases(options.member, options.leaseMs ?? 10_000);
    this.retention = new BackgroundLoop({ name: 'bus retention', log: options.log, step: () => this.deleteExpired() });
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length > 0) await this.inBus((tx) => this.busLog.append(tx, messages));
  }

  async subscribe(subscription: BusSubscription): Promise<BusConsumer> {
    await this.listen();
    const { database, log, leaseMs = 10_000, pollMs = 5_000, batchSize = 100 } = this.options;
    const shared = { database, log, leaseMs, pollMs, batchSize, busLog: this.busLog, leases: this.leases };
    const consumer = new GroupConsumer(subscription, shared);
    this.consumers.add(consumer);
    await consumer.start();
    const stop = async () => {
      if (this.consumers.delete(consumer)) await consumer.stop();
    };
    return { stop };
  }

  async lag(): Promise<readonly GroupLag[]> {
    const groups = [...this.consumers].map((consumer) => consumer.subscription.group);
    const rows = await this.inBus((tx) =>
      tx.query<{ group: string; topic: string; records: string }>(
        `select l.group_name as group, l.topic, sum(greatest(0, p.next_offset - l.position)) as records
         from partition_lease l join topic_partition p using (topic, partition)
         where l.group_name = any($1::text[]) group by l.group_name, l.topic order by 1, 2`,
        [groups],
      ),
    );
    return rows.map((row) => ({ ...row, records: Number(row.records) }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.consumers].map((consumer) => consumer.stop()));
    this.consumers.clear();
    await this.retention.stop();
    for (const unlisten of (await this.listening) ?? []) await unlisten();
  }

  /** Listens from the first subscription on: a process that only publishes needs no connection for it. */
  private async listen(): Promise<void> {
    const { database } = this.options;
    const listen = async () => [
      await database.listen(appendedChannel, (payload) => this.onAppended(payload)),
      await database.listen(groupChangedChannel, (payload) => this.onGroupChanged(payload)),
    ];
    this.listening ??= listen();
    await this.listening;
    this.retention.start();
  }

  /** An empty payload says that notifications may have been missed. */
  private onAppended(payload: string): void {
    const topics = new Set(payload.split(' '));
    for (const consumer of this.consumers) consumer.onAppended(payload === '' ? new Set(consumer.subscription.topics) : topics);
  }

  private onGroupChanged(group: string): void {
    for (const consumer of this.consumers) if (group === '' || consumer.subscription.group === group) consumer.onGroupChanged();
  }

  private async deleteExpired(): Promise<number> {
    const deleted = await this.inBus((tx) => this.busLog.deleteExpired(tx, this.options.retentionMs ?? 7 * 24 * hourMs, retentionBatch));
    return deleted === retentionBatch ? 0 : hourMs;
  }

  private inBus<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.options.database.inTenant('platform', work);
  }
}
