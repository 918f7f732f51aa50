import { setImmediate } from 'node:timers/promises';
import { crashPoint, type Database, type Tx } from '@q2/database';
import { isTransient } from '@q2/errors';
import type { BusMessage, BusRecord, EventBus } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { decideAfterFailure, type RetryPolicy } from '../retry-policy.js';
import { UnprocessableEvent } from '../unprocessable.js';
import { admitRecords, readEvents } from './arrivals.js';
import type { DeadLetters } from './dead-letters.js';
import { deliveryOf, describeError, type Delivery } from './delivery.js';
import { inHandlingSpan } from './handling-span.js';
import { admit, markDone } from './inbox.js';
import { Outsiders } from './outsiders.js';
import { findNextOfKey, lockParked, park, postpone, unpark, type ParkedKey } from './parking.js';
import type { Refusal } from './refusals.js';
import { stretchesOf } from './stretches.js';
import type { Subscription } from './subscription.js';
import type { Turns } from './turns.js';

/** What the groups of one service share. */
export interface ConsumerContext {
  readonly database: Database;
  readonly deadLetters: DeadLetters;
  readonly policy: RetryPolicy;
  readonly log: EventLog;
  /** What carries the events, as traces name it. */
  readonly system: EventBus['system'];
  /** Bounds the transactions open at once, so that consumers leave connections to calls. */
  readonly turns: Turns;
  /** Told that an event is to be tried again. */
  readonly onParked: () => void;
  /** Publishes at once, without an outbox. */
  readonly publish: (messages: readonly BusMessage[]) => Promise<void>;
}

/** Events handled in one transaction: fewer commits under load. */
const largestTransaction = 50;
/** Dead letters of producers' records that are kept for each tenant and consumer: what comes from outside must not fill a table. */
const keptFromOutside = 1_000;

/**
 * Handles a subscription's events. Those of one tenant are handled together in one transaction; where one of them fails they are handled
 * one by one. A failing event is parked, and later ones of its key behind it, so that order holds per key and the partition goes on.
 */
export class ConsumerGroup {
  /** Deliveries that wait for their turn, by tenant and topic. */
  private readonly queues = new Map<string, { readonly deliveries: Delivery[]; readonly handled: Promise<void> }>();
  private readonly outsiders: Outsiders | undefined;

  constructor(
    readonly subscription: Subscription,
    private readonly context: ConsumerContext,
  ) {
    const { consumer, admission } = subscription;
    this.outsiders = admission && new Outsiders({ ...context, consumer, admission });
  }

  /**
   * Handles the next records of a partition. Rejects only where the database cannot be reached, or the admission of records from
   * outside needs something that is away. Refusals are told last: where a batch comes again, they are told once all the same.
   */
  async handleBatch(records: readonly BusRecord[]): Promise<void> {
    const { consumer, admission } = this.subscription;
    const { deliveries, refusals } = admission ? await admitRecords(consumer, admission, records) : readEvents(this.subscription, records);
    for (const stretch of stretchesOf(deliveries.filter((delivery) => this.concerns(delivery)))) await this.handleStretch(stretch);
    await (this.outsiders ? this.outsiders.refuse(refusals) : this.buryUnreadable(refusals));
  }

  private async handleStretch(deliveries: readonly Delivery[]): Promise<void> {
    const tenants = Map.groupBy(deliveries, ({ event, message }) => `${event.tenant} ${message.topic}`);
    const results = await Promise.allSettled([...tenants].map(([tenantAndTopic, some]) => this.enqueue(tenantAndTopic, some)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Tries a parked event, then those of its key that wait behind it, until one fails or none is left. Gives whether anything was done. */
  async retry(head: ParkedKey): Promise<boolean> {
    let next: ParkedKey | undefined = head;
    let handled = 0;
    while (next !== undefined) {
      const outcome = await this.retryOne(next);
      if (outcome === undefined) break;
      handled += 1;
      next = outcome.next;
    }
    return handled > 0;
  }

  private async buryUnreadable(refusals: readonly Refusal[]): Promise<void> {
    const { consumer } = this.subscription;
    for (const { place: eventId, ...refusal } of refusals) {
      const burial = { tenant: 'platform', consumer, eventId, ...refusal, tries: 0 };
      await this.context.database.inTenant('platform', (tx) => this.context.deadLetters.bury(tx, burial));
    }
  }

  private concerns({ event }: Delivery): boolean {
    return this.subscription.types?.includes(event.type) ?? true;
  }

  /** What arrives in several partitions at about the same time is handled together. */
  private enqueue(tenantAndTopic: string, deliveries: readonly Delivery[]): Promise<void> {
    const queue = this.queues.get(tenantAndTopic);
    if (queue !== undefined) {
      queue.deliveries.push(...deliveries);
      return queue.handled;
    }
    const joining = [...deliveries];
    const handled = this.context.turns.take(async () => {
      await setImmediate();
      this.queues.delete(tenantAndTopic);
      await this.handleTenant(joining);
    });
    this.queues.set(tenantAndTopic, { deliveries: joining, handled });
    return handled;
  }

  private async handleTenant(deliveries: readonly Delivery[]): Promise<void> {
    for (let start = 0; start < deliveries.length; start += largestTransaction) {
      const chunk = deliveries.slice(start, start + largestTransaction);
      if (chunk.length === 1 || !(await this.handledTogether(chunk))) for (const delivery of chunk) await this.handleOne(delivery);
      crashPoint('consumer.mid-batch');
    }
  }

  private async handledTogether(deliveries: readonly Delivery[]): Promise<boolean> {
    try {
      await this.handleIn(deliveries);
      return true;
    } catch {
      return false; // Which one failed, and why, shows when each is handled on its own.
    }
  }

  private async handleOne(delivery: Delivery): Promise<void> {
    try {
      await this.handleIn([delivery]);
    } catch (error) {
      await this.setAside(delivery, error);
    }
  }

  private async handleIn(deliveries: readonly Delivery[]): Promise<void> {
    const [first] = deliveries;
    if (first === undefined) return;
    const { handled, known } = await this.context.database.inTenant(first.event.tenant, async (tx) => {
      const todo = new Set(await admit(tx, deliveries));
      const [handled, others]: [Delivery[], Delivery[]] = [[], []];
      for (const delivery of deliveries) {
        if (todo.delete(delivery.id)) {
          await this.run(tx, delivery);
          handled.push(delivery);
        } else others.push(delivery);
      }
      const known = await park(tx, others, { tries: 0, delayMs: 0, lastError: 'waits for an earlier event of its key' });
      return { handled, known };
    });
    this.outsiders?.note('accepted', handled);
    this.outsiders?.note('duplicate', known);
  }

  private run(tx: Tx, delivery: Delivery): Promise<void> {
    return inHandlingSpan(this.context.system, delivery, () => this.subscription.handle(tx, delivery.event));
  }

  private async setAside(delivery: Delivery, error: unknown): Promise<void> {
    const { event, message } = delivery;
    if (this.outsiders && error instanceof UnprocessableEvent) {
      return this.outsiders.refuse([{ message, place: delivery.id, reason: error.reason, error: error.message }]);
    }
    const outcome = this.decide(delivery, error, 1);
    if (outcome.kind === 'retry') {
      const parking = { tries: 1, delayMs: outcome.delayMs, lastError: describeError(error) };
      await this.context.database.inTenant(event.tenant, (tx) => park(tx, [delivery], parking));
    } else
      await this.context.database.inTenant(event.tenant, (tx) => this.giveUp(tx, delivery, { error, tries: 1, reason: outcome.reason }));
    this.context.onParked();
  }

  /** Tries one parked event. Undefined where it is gone, in other hands, or failed and waits; otherwise what comes next in its key. */
  private async retryOne(key: ParkedKey): Promise<{ next: ParkedKey | undefined } | undefined> {
    const { database } = this.context;
    let seenTries = 0;
    try {
      return await database.inTenant(key.tenant_id, async (tx) => {
        const row = await lockParked(tx, key);
        if (row === undefined) return undefined;
        seenTries = row.tries;
        const delivery = deliveryOf(row);
        if (await markDone(tx, delivery)) await this.run(tx, delivery);
        tx.afterCommit(() => this.outsiders?.note('accepted', [delivery]));
        await unpark(tx, key);
        return { next: await findNextOfKey(tx, delivery) };
      });
    } catch (error) {
      return database.inTenant(key.tenant_id, (tx) => this.noteFailure(tx, key, { error, seenTries }));
    }
  }

  /** Postpones or gives up, unless another replica has dealt with the event since. */
  private async noteFailure(
    tx: Tx,
    key: ParkedKey,
    failure: { error: unknown; seenTries: number },
  ): Promise<{ next: ParkedKey | undefined } | undefined> {
    const row = await lockParked(tx, key);
    if (row?.tries !== failure.seenTries) return undefined;
    const delivery = deliveryOf(row);
    const tries = row.tries + 1;
    const outcome = this.decide(delivery, failure.error, tries);
    if (outcome.kind === 'retry') {
      await postpone(tx, key, { tries, delayMs: outcome.delayMs, lastError: describeError(failure.error) });
      return undefined;
    }
    await unpark(tx, key);
    await this.giveUp(tx, delivery, { error: failure.error, tries, reason: outcome.reason });
    return { next: await findNextOfKey(tx, delivery) };
  }

  /** Makes a dead letter: of a record from outside that was refused only in the topic's `.dlq`. */
  private async giveUp(tx: Tx, delivery: Delivery, failure: { error: unknown; tries: number; reason: string }): Promise<void> {
    const { deadLetters } = this.context;
    const { id: eventId, consumer, message, event } = delivery;
    const { reason, tries } = failure;
    const error = describeError(failure.error);
    if (!this.outsiders) return deadLetters.bury(tx, { tenant: event.tenant, consumer, eventId, message, reason, error, tries });
    const outcome = failure.error instanceof UnprocessableEvent ? 'refused' : 'failed';
    const redacted = this.outsiders.redacted(message);
    if (outcome === 'refused') await deadLetters.announce(tx, event.tenant, { message: redacted, consumer, reason, error, tries });
    else
      await deadLetters.bury(tx, {
        tenant: event.tenant,
        consumer,
        eventId,
        message: redacted,
        reason,
        error,
        tries,
        keptAtMost: keptFromOutside,
      });
    tx.afterCommit(() => this.outsiders?.note(outcome, [delivery], reason));
  }

  private decide({ consumer, event }: Delivery, error: unknown, failedTries: number) {
    const { policy } = this.context;
    // What a producer sent is not given up on because something of ours is away.
    const tries = this.outsiders && isTransient(error) ? Number.POSITIVE_INFINITY : policy.tries;
    const outcome = decideAfterFailure({ ...policy, tries }, { error, failedTries, random: Math.random() });
    const details = { consumer, event: event.id, type: event.type, tenant: event.tenant, tries: failedTries, err: error };
    if (outcome.kind === 'retry')
      this.context.log.warn({ ...details, delayMs: outcome.delayMs }, 'an event failed and will be tried again');
    else this.context.log.error({ ...details, reason: outcome.reason }, 'an event became a dead letter');
    return outcome;
  }
}
