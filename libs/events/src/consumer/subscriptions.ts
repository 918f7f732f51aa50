import type { Database } from '@q2/database';
import { BackgroundLoop } from '../background-loop.js';
import type { BusConsumer, EventBus } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import type { Outbox } from '../outbox/outbox.js';
import { defaultRetryPolicy, type RetryPolicy } from '../retry-policy.js';
import { ConsumerGroup, type ConsumerContext } from './consumer-group.js';
import { DeadLetters, type DeadLetter, type DeadLetterQuery } from './dead-letters.js';
import { deleteExpiredMarks } from './inbox.js';
import { findDue } from './parking.js';
import type { Subscription } from './subscription.js';
import { Turns } from './turns.js';

/** @see Subscriptions */
export interface SubscriptionsOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly outbox: Outbox;
  readonly log: EventLog;
  readonly retryPolicy?: Partial<RetryPolicy>;
  /** Transactions of handlers open at once. @default 4 */
  readonly concurrency?: number;
  /** Looks this often for parked events that another replica parked. @default 1000 */
  readonly pollMs?: number;
  /** An event that comes again later than this is handled again; longer than the bus keeps records. @default 1209600000, fourteen days */
  readonly inboxRetentionMs?: number;
}

const hourMs = 3_600_000;
const cleanupBatch = 5_000;
const dueAtOnce = 100;
/** Before looking again at due events that turned out to be in another replica's hands. */
const contendedMs = 50;

/** A service's consumers: from the records of the bus to the transactions of its handlers. */
export class Subscriptions {
  private readonly groups = new Map<string, ConsumerGroup>();
  private readonly deadLetters: DeadLetters;
  private readonly context: ConsumerContext;
  private readonly retries: BackgroundLoop;
  private readonly cleanup: BackgroundLoop;
  private running: readonly BusConsumer[] | undefined;

  constructor(private readonly options: SubscriptionsOptions) {
    const { database, log, outbox, bus } = options;
    const { schema } = database;
    this.deadLetters = new DeadLetters(database, outbox);
    this.retries = new BackgroundLoop({ name: `event retries of ${schema}`, log, step: () => this.retryDue() });
    this.cleanup = new BackgroundLoop({ name: `inbox cleanup of ${schema}`, log, step: () => this.deleteExpired() });
    const onParked = () => {
      this.retries.wake();
    };
    const policy = { ...defaultRetryPolicy, ...options.retryPolicy };
    this.context = {
      ...{ database, log, system: bus.system, onParked, policy, deadLetters: this.deadLetters },
      turns: new Turns(options.concurrency ?? 4),
      publish: (messages) => bus.publish(messages),
    };
  }

  /**
   * Adds a consumer, in a module's onModuleInit.
   *
   * @throws {Error} where consumption has started, or the service has a consumer of that name
   */
  add(subscription: Subscription): void {
    const { consumer } = subscription;
    if (this.running !== undefined) throw new Error(`${consumer} subscribes too late: consumption has started`);
    if (this.groups.has(consumer)) throw new Error(`there is a consumer ${consumer} already`);
    this.groups.set(consumer, new ConsumerGroup(subscription, this.context));
  }

  /** Names of the consumers added. */
  get consumers(): readonly string[] {
    return [...this.groups.keys()];
  }

  /** Begins to consume. Called once all modules are initialised. */
  async start(): Promise<void> {
    const groups = [...this.groups.values()];
    this.running = await Promise.all(
      groups.map((group) => {
        const { consumer, topics } = group.subscription;
        return this.options.bus.subscribe({ group: consumer, topics, handle: (records) => group.handleBatch(records) });
      }),
    );
    if (groups.length === 0) return;
    this.retries.start();
    this.cleanup.start();
  }

  /** Ends after the batches in hand. */
  async stop(): Promise<void> {
    await Promise.all((this.running ?? []).map((consumer) => consumer.stop()));
    await Promise.all([this.retries.stop(), this.cleanup.stop()]);
  }

  /** Lists a tenant's dead letters, newest first. */
  listDeadLetters(query: DeadLetterQuery): Promise<DeadLetter[]> {
    return this.deadLetters.list(query);
  }

  /**
   * Has the consumer that gave an event up try it again; no other consumer notices.
   *
   * @throws {NotFound} DEAD_LETTER_NOT_FOUND
   * @throws {FailedPrecondition} DEAD_LETTER_UNREADABLE where the message was no event
   */
  async replayDeadLetter(tenant: string, id: string): Promise<void> {
    await this.deadLetters.replay(tenant, id);
    this.retries.wake();
  }

  /** Events waiting to be tried again, and events given up, of all tenants. */
  async failures(): Promise<{ readonly parked: number; readonly deadLetters: number }> {
    const [row] = await this.options.database.acrossTenants('inbox', (tx) =>
      tx.query<{ parked: string; dead: string }>(
        'select (select count(*) from parked_event) as parked, (select count(*) from dead_letter) as dead',
      ),
    );
    return { parked: Number(row?.parked), deadLetters: Number(row?.dead) };
  }

  private async retryDue(): Promise<number> {
    const { database, pollMs = 1_000 } = this.options;
    const { due, nextInMs = pollMs } = await database.acrossTenants('inbox', (tx) => findDue(tx, this.consumers, dueAtOnce));
    const results = await Promise.all(
      due.map((key) => this.context.turns.take(async () => (await this.groups.get(key.consumer)?.retry(key)) === true)),
    );
    if (results.includes(true)) return 0;
    return Math.max(1, Math.min(nextInMs, pollMs, due.length > 0 ? contendedMs : pollMs));
  }

  private async deleteExpired(): Promise<number> {
    const { database, inboxRetentionMs = 14 * 24 * hourMs } = this.options;
    const deleted = await database.acrossTenants('inbox', (tx) => deleteExpiredMarks(tx, inboxRetentionMs, cleanupBatch));
    return deleted === cleanupBatch ? 0 : hourMs;
  }
}
