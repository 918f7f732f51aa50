import type { Tx } from '@q2/database';
import type { Delivery, DeliveryRow } from './delivery.js';

/** When a parked event is tried, and why it is there. */
export interface Parking {
  readonly tries: number;
  readonly delayMs: number;
  readonly lastError: string;
}

/** An event that failed, or that waits behind one of its key that did. */
export interface ParkedRow extends DeliveryRow {
  readonly tries: number;
}

/** Which parked event. */
export interface ParkedKey {
  readonly tenant_id: string;
  readonly consumer: string;
  readonly event_id: string;
}

/**
 * Sets events aside in order, so that their partition goes on. Events that are done or parked already are left alone: those
 * are given back.
 */
export async function park(tx: Tx, deliveries: readonly Delivery[], parking: Parking): Promise<Delivery[]> {
  const known: Delivery[] = [];
  for (const delivery of deliveries) {
    const { consumer, id, event, message } = delivery;
    const parked = await tx.execute(
      `insert into parked_event (tenant_id, consumer, event_id, topic, key, headers, data, tries, next_try_at, last_error)
       select $1, $2, $3, $4, $5, $6, $7, $8::int, now() + $9 * interval '1 ms', $10
       where not exists (select from inbox_event where (tenant_id, consumer, event_id) = ($1, $2, $3))
       on conflict do nothing`,
      [
        ...[event.tenant, consumer, id, message.topic, message.key, JSON.stringify(message.headers), Buffer.from(message.value)],
        ...[parking.tries, parking.delayMs, parking.lastError],
      ],
    );
    if (parked === 0) known.push(delivery);
  }
  return known;
}

/** The first parked event of each key that is due, earliest first, and when the next one will be. Across tenants. */
export async function findDue(
  tx: Tx,
  consumers: readonly string[],
  limit: number,
): Promise<{ due: ParkedKey[]; nextInMs: number | undefined }> {
  const rows = await tx.query<ParkedKey & { in_ms: string }>(
    `select tenant_id, consumer, event_id, extract(epoch from next_try_at - now()) * 1000 as in_ms from (
       select distinct on (tenant_id, consumer, topic, key) tenant_id, consumer, event_id, next_try_at
       from parked_event where consumer = any($1::text[]) order by tenant_id, consumer, topic, key, seq
     ) as heads order by next_try_at limit $2`,
    [consumers, limit],
  );
  const nextInMs = rows.map((row) => Number(row.in_ms)).find((inMs) => inMs > 0);
  return { due: rows.filter((row) => Number(row.in_ms) <= 0), nextInMs };
}

/** Locks a parked event until the transaction ends; undefined where it is gone, or another replica is at it. */
export async function lockParked(tx: Tx, key: ParkedKey): Promise<ParkedRow | undefined> {
  const [row] = await tx.query<ParkedRow>(
    'select * from parked_event where (tenant_id, consumer, event_id) = ($1, $2, $3) for update skip locked',
    [key.tenant_id, key.consumer, key.event_id],
  );
  return row;
}

/** The event of the same key that comes after those that are gone. */
export async function findNextOfKey(tx: Tx, { consumer, event, message }: Delivery): Promise<ParkedKey | undefined> {
  const [row] = await tx.query<ParkedKey>(
    `select tenant_id, consumer, event_id from parked_event where (tenant_id, consumer, topic, key) = ($1, $2, $3, $4) order by seq limit 1`,
    [event.tenant, consumer, message.topic, message.key],
  );
  return row;
}

/** Notes a failed try. */
export async function postpone(tx: Tx, key: ParkedKey, parking: Parking): Promise<void> {
  await tx.execute(
    `update parked_event set tries = $4, next_try_at = now() + $5 * interval '1 ms', last_error = $6
     where (tenant_id, consumer, event_id) = ($1, $2, $3)`,
    [key.tenant_id, key.consumer, key.event_id, parking.tries, parking.delayMs, parking.lastError],
  );
}

/** Takes an event out of the parking. */
export async function unpark(tx: Tx, key: ParkedKey): Promise<void> {
  await tx.execute('delete from parked_event where (tenant_id, consumer, event_id) = ($1, $2, $3)', [
    key.tenant_id,
    key.consumer,
    key.event_id,
  ]);
}
