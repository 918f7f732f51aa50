import { setTimeout as sleep } from 'node:timers/promises';
import { crashPoint, type Database, type Tx } from '@q2/database';
import { BackgroundLoop } from '../background-loop.js';
import type { BusMessage, EventBus } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { Leases, type Lease } from '../lease/leases.js';
import { outboxPartitions } from './outbox.js';

/** @see Relay */
export interface RelayOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly log: EventLog;
  /** Name of this process among the service's replicas. */
  readonly member: string;
  /** A replica that dies is replaced after this time. @default 10000 */
  readonly leaseMs?: number;
  /** Looks for rows this often even where nobody says that there are some. @default 1000 */
  readonly pollMs?: number;
  /** Rows of one outbox partition published at once. @default 100, so 800 in all */
  readonly batchSize?: number;
}

interface OutboxRow extends BusMessage {
  readonly seq: string;
  readonly partition: number;
}

const group = 'outbox';
const topics = ['outbox'];
const allPartitions = Array.from({ length: outboxPartitions }, (_, partition) => ({ topic: 'outbox', partition }));
const notifyPauseMs = 10;
/** Least time from one batch to the next: under load, what comes meanwhile shares the next one's transactions. */
const batchPauseMs = 8;

/**
 * Publishes the rows of a service's outbox and deletes them.
 *
 * Order and late commits: rows are read by `seq` and leave by deletion, never by a cursor that moves past them. A row that commits late is
 * found whenever it appears; and because two changes of one aggregate exclude each other until commit, whoever sees the second row sees the
 * first, which has the lower `seq`. No row waits for unrelated long transactions, as it would behind a snapshot's xmin.
 * A crash between publishing and deleting publishes again, which the consumers' inbox absorbs.
 */
export class Relay {
  private readonly leases: Leases;
  private readonly leaseMs: number;
  private readonly loop: BackgroundLoop;
  private readonly channel: string;
  private readonly batchSize: number;
  private held: readonly Lease[] = [];
  private nextRoundAtMs = 0;
  private unlisten: (() => Promise<void>) | undefined;
  private notifyTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: RelayOptions) {
    this.leaseMs = options.leaseMs ?? 10_000;
    this.batchSize = options.batchSize ?? 100;
    this.leases = new Leases(options.member, this.leaseMs);
    this.channel = `q2_outbox_${options.database.schema}`;
    this.loop = new BackgroundLoop({ name: `outbox relay of ${options.database.schema}`, log: options.log, step: () => this.step() });
  }

  /** Partitions this replica publishes now. */
  get partitions(): readonly number[] {
    return this.held.map((lease) => lease.partition);
  }

  async start(): Promise<void> {
    await this.inOutbox((tx) => this.leases.ensure(tx, group, allPartitions));
    this.unlisten = await this.options.database.listen(this.channel, () => {
      this.loop.wake();
    });
    this.loop.start();
  }

  /** Publishes what is committed in this replica's partitions, hands them over, and ends. */
  async stop(): Promise<void> {
    await this.loop.stop();
    clearTimeout(this.notifyTimer);
    await this.unlisten?.();
    try {
      while ((await this.publishBatch()) > 0);
    } catch (error) {
      this.options.log.warn({ err: error }, 'the outbox could not be emptied; another replica, or the next start, will');
    }
    this.held = [];
    await this.leave();
  }

  /** Says that a row has committed: this replica publishes it now, or the one that holds the partition is told to. */
  wake(partition: number): void {
    if (this.partitions.includes(partition)) this.loop.wake();
    else this.notifyTimer ??= setTimeout(() => this.tellOthers(), notifyPauseMs);
  }

  /** Rows committed and not yet published, and how long the oldest of them waits. */
  async backlog(): Promise<{ readonly rows: number; readonly oldestMs: number }> {
    const [row] = await this.inOutbox((tx) =>
      tx.query<{ rows: string; oldest_ms: string | null }>(
        'select count(*) as rows, extract(epoch from now() - min(created_at)) * 1000 as oldest_ms from outbox_event',
      ),
    );
    return { rows: Number(row?.rows ?? 0), oldestMs: Math.max(0, Number(row?.oldest_ms ?? 0)) };
  }

  private async leave(): Promise<void> {
    try {
      await this.inOutbox((tx) => this.leases.leave(tx, group));
      await this.notify();
    } catch (error) {
      this.options.log.warn({ err: error }, 'outbox partitions could not be handed over; their leases will run out');
    }
  }

  private async step(): Promise<number> {
    if (performance.now() >= this.nextRoundAtMs) await this.renewLeases();
    const beganAtMs = performance.now();
    const published = await this.publishBatch();
    if (published === 0) return this.options.pollMs ?? 1_000;
    if (published < this.batchSize) await sleep(Math.max(0, batchPauseMs - (performance.now() - beganAtMs)));
    return 0;
  }

  private async renewLeases(): Promise<void> {
    this.nextRoundAtMs = performance.now() + this.leaseMs / 3;
    const before = this.held.length;
    const isReleasing = await this.inOutbox(async (tx) => {
      const round = await this.leases.round(tx, group, topics);
      const surplus = round.held.filter((lease) => round.surplus.has(`outbox/${String(lease.partition)}`));
      if (surplus.length > 0) await this.leases.release(tx, group, surplus);
      this.held = round.held.filter((lease) => !surplus.includes(lease));
      return surplus.length > 0;
    });
    if (isReleasing) await this.notify();
    if (before !== this.held.length) this.options.log.info({ partitions: this.partitions }, 'outbox partitions changed');
  }

  private async publishBatch(): Promise<number> {
    const leases = this.held.filter((lease) => lease.validUntilMs > performance.now());
    if (leases.length === 0) return 0;
    const rows = await this.read(leases);
    if (rows.length === 0) return 0;
    crashPoint('relay.before-publish');
    await this.options.bus.publish(rows);
    crashPoint('relay.after-publish');
    await this.remove(rows, leases);
    return rows.length;
  }

  private read(leases: readonly Lease[]): Promise<OutboxRow[]> {
    return this.inOutbox((tx) =>
      tx.query<OutboxRow>(
        `select o.* from unnest($1::smallint[]) as mine (partition) cross join lateral (
           select seq, partition, topic, key, headers, data as value from outbox_event
           where partition = mine.partition order by seq limit $2) as o order by o.partition, o.seq`,
        [leases.map((lease) => lease.partition), this.batchSize],
      ),
    );
  }

  /**
   * Deletes published rows, except where the partition has a new holder by now: it has published them again, or will.
   * The commit need not reach the disk: a deletion that a crash takes back publishes again, which the inbox absorbs.
   * Two lists of values, not a join: whatever the planner knows of the table, it goes by the index on (partition, seq), and the
   * time does not grow with what still waits.
   */
  private async remove(rows: readonly OutboxRow[], leases: readonly Lease[]): Promise<void> {
    await this.inOutbox(async (tx) => {
      await tx.execute('set local synchronous_commit = off');
      await tx.execute(
        `delete from outbox_event where seq = any($1::bigint[]) and partition = any(array(
           select l.partition from partition_lease l join unnest($2::smallint[], $3::bigint[]) as mine (partition, fence)
             on (l.partition, l.fence) = (mine.partition, mine.fence)
           where l.group_name = 'outbox'))`,
        [rows.map((row) => row.seq), leases.map((lease) => lease.partition), leases.map((lease) => lease.fence)],
      );
    });
  }

  /** After the commit and many events at once: a NOTIFY inside every transaction would line all their commits up behind one lock. */
  private tellOthers(): void {
    this.notifyTimer = undefined;
    this.notify().catch((error: unknown) => {
      this.options.log.warn({ err: error }, 'other relays could not be woken; they will poll');
    });
  }

  private async notify(): Promise<void> {
    await this.inOutbox((tx) => tx.query('select pg_notify($1, $2)', [this.channel, '']));
  }

  private inOutbox<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.options.database.acrossTenants('outbox-relay', work);
  }
}
