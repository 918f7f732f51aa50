import type { Database, Tx } from '@q2/database';
import { BackgroundLoop } from '../background-loop.js';
import type { BusConsumer, BusRecord, BusSubscription } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { partitionId, type Lease, type Leases } from '../lease/leases.js';
import { redelivery, retryDelayMs } from '../retry-policy.js';
import type { BusLog } from './bus-log.js';

/** @see GroupConsumer */
export interface GroupConsumerOptions {
  readonly database: Database;
  readonly busLog: BusLog;
  readonly leases: Leases;
  readonly log: EventLog;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly batchSize: number;
}

/** Channel that tells the members of a group, the payload, that members or free partitions have changed. */
export const groupChangedChannel = 'q2_bus_group_changed';

/** A partition in this member's hands. */
interface Held {
  lease: Lease;
  /** Whether a batch of it is being handled, or waits to be tried again. */
  isBusy: boolean;
  failures: number;
  /** Value of `appends` before the last fetch: where it has risen since, there may be more. */
  appendsSeen: number;
}

/** Positions of finished batches are stored along with the next fetch, or after this time where nothing comes. */
const storeAfterMs = 50;

/**
 * One member of a consumer group on the database bus. One loop fetches for all idle partitions in one query and stores all finished positions
 * in one update; the partitions' batches are handled concurrently.
 */
export class GroupConsumer implements BusConsumer {
  private readonly loop: BackgroundLoop;
  private readonly held = new Map<string, Held>();
  private readonly batches = new Set<Promise<void>>();
  private readonly finished = new Map<string, Lease>();
  private surplus: ReadonlySet<string> = new Set();
  private nextRoundAtMs = 0;
  private appends = 0;
  private storeTimer: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(
    readonly subscription: BusSubscription,
    private readonly options: GroupConsumerOptions,
  ) {
    this.loop = new BackgroundLoop({ name: `consumer ${subscription.group}`, log: options.log, step: () => this.step() });
  }

  async start(): Promise<void> {
    const { busLog, leases } = this.options;
    const { group, topics } = this.subscription;
    await this.inBus(async (tx) => {
      await busLog.ensureTopics(tx, topics);
      await leases.ensure(tx, group, busLog.partitionsOf(topics));
    });
    this.loop.start();
  }

  /** Says that some of these topics have new records. */
  onAppended(topics: ReadonlySet<string>): void {
    if (!this.subscription.topics.some((topic) => topics.has(topic))) return;
    this.appends += 1;
    this.loop.wake();
  }

  /** Says that the members of the group, or what they hold, have changed. */
  onGroupChanged(): void {
    this.nextRoundAtMs = 0;
    this.loop.wake();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.loop.stop();
    await Promise.all(this.batches);
    clearTimeout(this.storeTimer);
    try {
      await this.inBus(async (tx) => {
        await this.store(tx, [...this.finished]);
        await this.options.leases.leave(tx, this.subscription.group);
        await this.announce(tx);
      });
    } catch (error) {
      this.options.log.warn(
        { err: error, group: this.subscription.group },
        'partitions could not be handed over; their leases will run out',
      );
    }
  }

  private async step(): Promise<number> {
    if (performance.now() >= this.nextRoundAtMs) await this.round();
    clearTimeout(this.storeTimer);
    this.storeTimer = undefined;
    // Chosen before the first await: what finishes during this step is stored, and handed over, in the next.
    const finished = [...this.finished];
    const surplus = [...this.held].filter(([id, held]) => this.surplus.has(id) && !held.isBusy);
    const appendsSeen = this.appends;
    const records = await this.inBus(async (tx) => {
      await this.store(tx, finished);
      await this.handOver(tx, surplus);
      return this.fetch(tx);
    });
    for (const batch of byPartition(records)) this.begin(batch, appendsSeen);
    return Math.max(1, Math.min(this.options.pollMs, this.nextRoundAtMs - performance.now()));
  }

  private async round(): Promise<void> {
    const { group, topics } = this.subscription;
    const round = await this.inBus(async (tx) => {
      const changes = await this.options.leases.round(tx, group, topics);
      if (changes.isJoining) await this.announce(tx);
      return changes;
    });
    this.nextRoundAtMs = performance.now() + this.options.leaseMs / 3;
    this.surplus = round.surplus;
    const now = new Map(round.held.map((lease) => [partitionId(lease), lease]));
    for (const [id, held] of this.held) {
      if (now.get(id)?.fence !== held.lease.fence) this.held.delete(id);
    }
    for (const [id, lease] of now) this.keep(id, lease);
  }

  /** Takes over a new lease with the position stored; of one held already only the time moves, because this member knows the position best. */
  private keep(id: string, lease: Lease): void {
    const held = this.held.get(id);
    if (held === undefined) this.held.set(id, { lease, isBusy: false, failures: 0, appendsSeen: 0 });
    else held.lease = { ...lease, position: held.lease.position };
  }

  private async store(tx: Tx, done: readonly (readonly [string, Lease])[]): Promise<void> {
    if (done.length === 0) return;
    await this.options.leases.store(
      tx,
      this.subscription.group,
      done.map(([, lease]) => lease),
    );
    tx.afterCommit(() => {
      for (const [id, lease] of done) if (this.finished.get(id) === lease) this.finished.delete(id);
    });
  }

  private async handOver(tx: Tx, idle: readonly (readonly [string, Held])[]): Promise<void> {
    if (idle.length === 0) return;
    await this.options.leases.release(
      tx,
      this.subscription.group,
      idle.map(([, held]) => held.lease),
    );
    for (const [id] of idle) this.held.delete(id);
    await this.announce(tx);
  }

  private async fetch(tx: Tx): Promise<BusRecord[]> {
    const now = performance.now();
    const idle = [...this.held].filter(([id, held]) => !held.isBusy && !this.surplus.has(id) && held.lease.validUntilMs > now);
    if (idle.length === 0) return [];
    return this.options.busLog.read(
      tx,
      idle.map(([, held]) => held.lease),
      this.options.batchSize,
    );
  }

  private begin(records: readonly BusRecord[], appendsSeen: number): void {
    const [first] = records;
    const held = first === undefined ? undefined : this.held.get(partitionId(first));
    if (held === undefined) return;
    held.isBusy = true;
    held.appendsSeen = appendsSeen;
    const batch = this.handle(held, records).finally(() => {
      this.batches.delete(batch);
      held.isBusy = false;
      this.continue(held, records.length);
    });
    this.batches.add(batch);
  }

  /** Fetches on at once where there may be more; otherwise the position can wait for company. */
  private continue(held: Held, handled: number): void {
    const mayHaveMore = handled === this.options.batchSize || this.appends !== held.appendsSeen || held.failures > 0;
    if (mayHaveMore || this.surplus.has(partitionId(held.lease))) this.loop.wake();
    else
      this.storeTimer ??= setTimeout(() => {
        this.loop.wake();
      }, storeAfterMs);
  }

  private async handle(held: Held, records: readonly BusRecord[]): Promise<void> {
    try {
      await this.subscription.handle(records);
      held.failures = 0;
      const last = records.at(-1);
      held.lease = { ...held.lease, position: String(BigInt(last?.offset ?? held.lease.position) + 1n) };
      this.finished.set(`${partitionId(held.lease)}@${held.lease.fence}`, held.lease);
    } catch (error) {
      held.failures += 1;
      this.options.log.warn(
        { err: error, group: this.subscription.group, partition: partitionId(held.lease) },
        'a batch was rejected and will come again',
      );
      await this.pause(retryDelayMs(redelivery, held.failures, Math.random()));
    }
  }

  /** Waits, in small pieces so that stopping need not wait as long. */
  private async pause(delayMs: number): Promise<void> {
    const untilMs = performance.now() + delayMs;
    while (!this.isStopping && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(50, untilMs - performance.now())));
    }
  }

  private async announce(tx: Tx): Promise<void> {
    await tx.query('select pg_notify($1, $2)', [groupChangedChannel, this.subscription.group]);
  }

  private inBus<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.options.database.inTenant('platform', work);
  }
}

function byPartition(records: readonly BusRecord[]): Iterable<BusRecord[]> {
  return Map.groupBy(records, partitionId).values();
}
