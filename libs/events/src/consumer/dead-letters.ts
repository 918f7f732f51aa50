import { FailedPrecondition, NotFound } from '@q2/errors';
import { newId, type Database, type Tx } from '@q2/database';
import type { BusMessage } from '../event-bus.port.js';
import type { Outbox } from '../outbox/outbox.js';
import { UnprocessableEvent } from '../unprocessable.js';
import { deliveryOf, type Delivery, type DeliveryRow } from './delivery.js';
import { unmarkDone } from './inbox.js';
import { park } from './parking.js';
import { toDeadLetter, type DeadLetterFacts } from './refusals.js';

/** An event that a consumer gave up on. */
export interface DeadLetter {
  /** Id of the dead letter, not of the event. */
  readonly id: string;
  readonly tenant: string;
  readonly consumer: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
  /** Why, for programs: RETRIES_EXHAUSTED, EVENT_ENVELOPE_INVALID, or what the handler said. */
  readonly reason: string;
  /** Why, for people: the last error. */
  readonly error: string;
  readonly tries: number;
  readonly failedAt: Date;
}

/** Which dead letters to list. */
export interface DeadLetterQuery {
  /** @default those of all tenants: for operators only */
  readonly tenant?: string | undefined;
  readonly id?: string | undefined;
  readonly consumer?: string | undefined;
  /** Id of the last one of the page before. */
  readonly after?: string;
  /** @default 50 */
  readonly pageSize?: number;
}

/** What is given up on, by whom and why. */
export interface Burial {
  readonly tenant: string;
  readonly consumer: string;
  readonly eventId: string;
  readonly message: BusMessage;
  readonly reason: string;
  readonly error: string;
  readonly tries: number;
  /** Where the tenant's dead letters of the consumer are as many already, this one is told to the topic only. @default no limit */
  readonly keptAtMost?: number;
}

interface DeadLetterRow extends DeliveryRow {
  readonly id: string;
  readonly reason: string;
  readonly error: string;
  readonly tries: number;
  readonly failed_at: Date;
}

/** What the consumers of a service gave up on: kept in its own tables to be looked at and replayed, and told to the topic's `.dlq`. */
export class DeadLetters {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Gives an event up in the transaction: its consumer is done with it, unless it was before. */
  async bury(tx: Tx, burial: Burial): Promise<void> {
    const { tenant, consumer, eventId, message, reason, error, tries, keptAtMost } = burial;
    const marked = await tx.execute('insert into inbox_event (tenant_id, consumer, event_id) values ($1, $2, $3) on conflict do nothing', [
      tenant,
      consumer,
      eventId,
    ]);
    if (marked === 0) return;
    const id = newId();
    const kept = await tx.execute(
      `insert into dead_letter (tenant_id, id, consumer, event_id, topic, key, headers, data, reason, error, tries)
       select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
       where $12::int is null or $12 > (select count(*) from (select from dead_letter where (tenant_id, consumer) = ($1, $3) limit $12) as kept)`,
      [
        ...[tenant, id, consumer, eventId, message.topic, message.key, JSON.stringify(message.headers), Buffer.from(message.value)],
        ...[reason, error, tries, keptAtMost ?? null],
      ],
    );
    await this.announce(tx, tenant, { message, consumer, reason, error, tries, ...(kept > 0 && { id }) });
  }

  /** Tells the topic's `.dlq` about a message that is not acted on, and keeps nothing of it. */
  async announce(tx: Tx, tenant: string, letter: DeadLetterFacts & { readonly message: BusMessage }): Promise<void> {
    const { id = newId(), message } = letter;
    await this.outbox.store(tx, { id, tenant, message: toDeadLetter(message, letter) });
  }

  /** Lists dead letters, newest first. */
  async list(query: DeadLetterQuery): Promise<DeadLetter[]> {
    const { tenant, id = null, consumer = null, after = null, pageSize = 50 } = query;
    const read = (tx: Tx) =>
      tx.query<DeadLetterRow>(
        `select * from dead_letter
         where ($1::text is null or tenant_id = $1) and ($2::uuid is null or id = $2) and ($3::text is null or consumer = $3)
           and ($4::uuid is null or id < $4) order by id desc limit $5`,
        [tenant ?? null, id, consumer, after, pageSize],
      );
    const rows = await (tenant === undefined
      ? this.database.acrossTenants('inbox', read)
      : this.database.inTenant(tenant, read, { readOnly: true }));
    return rows.map(fromRow);
  }

  /**
   * Forgets a dead letter for good. Its event stays done.
   *
   * @throws {NotFound} DEAD_LETTER_NOT_FOUND
   */
  async discard(tenant: string, id: string): Promise<void> {
    const sql = 'delete from dead_letter where tenant_id = $1 and id = $2';
    const deleted = await this.database.inTenant(tenant, (tx) => tx.execute(sql, [tenant, id]));
    if (deleted === 0) throw notFound(tenant, id);
  }

  /**
   * Has the consumer that gave an event up try it again, with all its tries; no other consumer notices.
   *
   * @throws {NotFound} DEAD_LETTER_NOT_FOUND
   * @throws {FailedPrecondition} DEAD_LETTER_UNREADABLE where the message was no event, so that trying again cannot help
   */
  async replay(tenant: string, id: string): Promise<void> {
    await this.database.inTenant(tenant, async (tx) => {
      const [row] = await tx.query<DeadLetterRow>('select * from dead_letter where tenant_id = $1 and id = $2 for update', [tenant, id]);
      if (row === undefined) throw notFound(tenant, id);
      const delivery = readable(row);
      await tx.execute('delete from dead_letter where tenant_id = $1 and id = $2', [tenant, id]);
      await unmarkDone(tx, delivery);
      await park(tx, [delivery], { tries: 0, delayMs: 0, lastError: row.error });
    });
  }
}

function notFound(tenant: string, id: string): NotFound {
  return new NotFound('DEAD_LETTER_NOT_FOUND', `dead letter ${id} of ${tenant} does not exist`, { id, tenant });
}

function readable(row: DeadLetterRow): Delivery {
  try {
    return deliveryOf(row);
  } catch (error) {
    if (!(error instanceof UnprocessableEvent)) throw error;
    throw new FailedPrecondition('DEAD_LETTER_UNREADABLE', `dead letter ${row.id} is no event and cannot be replayed: ${error.message}`, {
      id: row.id,
    });
  }
}

function fromRow(row: DeadLetterRow): DeadLetter {
  const { id, consumer, topic, key, headers, data, reason, error, tries } = row;
  return {
    id,
    consumer,
    topic,
    key,
    headers,
    data,
    reason,
    error,
    tries,
    tenant: row.tenant_id,
    eventId: row.event_id,
    failedAt: row.failed_at,
  };
}
