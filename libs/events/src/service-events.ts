import { newId, type Database } from '@q2/database';
import { Subscriptions } from './consumer/subscriptions.js';
import type { EventBus } from './event-bus.port.js';
import type { EventLog } from './event-log.js';
import { Outbox } from './outbox/outbox.js';
import { Relay } from './outbox/relay.js';
import type { RetryPolicy } from './retry-policy.js';

/** @see ServiceEvents */
export interface ServiceEventsOptions {
  /** Name of the service, such as `model-registry`. */
  readonly service: string;
  /** The service's own; its schema has `outboxMigrations`. */
  readonly database: Database;
  readonly bus: EventBus;
  readonly log: EventLog;
  /** Transactions of handlers open at once. @default 4 */
  readonly concurrency?: number;
  readonly retryPolicy?: Partial<RetryPolicy>;
  /** Name of this process among the service's replicas; no two that live may share it. @default a new one */
  readonly member?: string;
  /** A replica that dies is replaced as relay after this time. @default 10000 */
  readonly leaseMs?: number;
}

/** How far behind a service's events are, for metrics. */
export interface EventGauges {
  /** Rows committed and not yet published. */
  readonly outboxRows: number;
  /** How long the oldest of them waits. */
  readonly outboxOldestMs: number;
  /** Failed events waiting to be tried again, with those that wait behind them. */
  readonly parkedEvents: number;
  readonly deadLetters: number;
  /** Partitions of the outbox that this replica publishes; those of all replicas make up the whole. */
  readonly outboxPartitions: number;
}

/** All that a service needs for events, over one database and one bus: its outbox, the relay that empties it, its consumers. */
export class ServiceEvents {
  readonly outbox: Outbox;
  readonly subscriptions: Subscriptions;
  private readonly relay: Relay;

  constructor(options: ServiceEventsOptions) {
    const { database, bus, log, retryPolicy = {}, concurrency = 4, leaseMs = 10_000, member = newId() } = options;
    this.relay = new Relay({ database, bus, log, leaseMs, member });
    const wake = (partition: number) => this.relay.wake(partition);
    this.outbox = new Outbox(`services/${options.service}`, wake, bus.system);
    this.subscriptions = new Subscriptions({ database, bus, log, retryPolicy, concurrency, outbox: this.outbox });
  }

  /** Begins to relay and to consume. Called once all modules are initialised. */
  async start(): Promise<void> {
    await this.relay.start();
    await this.subscriptions.start();
  }

  /** Ends consumption after the batches in hand, then publishes what is committed. The bus and the database stay open. */
  async stop(): Promise<void> {
    await this.subscriptions.stop();
    await this.relay.stop();
  }

  /** Measures now: a few small queries, and none of the bus, so that a broker that is away hides nothing of this. */
  async gauges(): Promise<EventGauges> {
    const [backlog, failures] = await Promise.all([this.relay.backlog(), this.subscriptions.failures()]);
    return {
      outboxRows: backlog.rows,
      outboxOldestMs: backlog.oldestMs,
      parkedEvents: failures.parked,
      deadLetters: failures.deadLetters,
      outboxPartitions: this.relay.partitions.length,
    };
  }
}
