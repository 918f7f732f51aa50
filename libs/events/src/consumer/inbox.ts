import type { Tx } from '@q2/database';
import type { Delivery } from './delivery.js';

/**
 * Marks events as done by their consumer, in the transaction that does them, and gives the ids of those that are to be done now: not the ones that
 * are done already, and not the ones whose key has events waiting to be tried again, because they must come after those. All deliveries are
 * of one consumer, one tenant and one topic.
 */
export async function admit(tx: Tx, deliveries: readonly Delivery[]): Promise<ReadonlySet<string>> {
  const [first] = deliveries;
  if (first === undefined) return new Set();
  const rows = await tx.query<{ event_id: string }>(
    `insert into inbox_event (tenant_id, consumer, event_id)
     select $1, $2, arriving.event_id from unnest($4::text[], $5::text[]) as arriving (event_id, key)
     where not exists (select from parked_event p where (p.tenant_id, p.consumer, p.topic, p.key) = ($1, $2, $3, arriving.key))
     on conflict do nothing returning event_id`,
    [first.event.tenant, first.consumer, first.message.topic, deliveries.map(({ id }) => id), deliveries.map(({ event }) => event.key)],
  );
  return new Set(rows.map((row) => row.event_id));
}

/** Marks one event as done, whatever waits; gives whether it was not yet. */
export async function markDone(tx: Tx, { consumer, id, event }: Delivery): Promise<boolean> {
  const inserted = await tx.execute('insert into inbox_event (tenant_id, consumer, event_id) values ($1, $2, $3) on conflict do nothing', [
    event.tenant,
    consumer,
    id,
  ]);
  return inserted > 0;
}

/** Forgets that an event was done, so that it can be done again. */
export async function unmarkDone(tx: Tx, { consumer, id, event }: Delivery): Promise<void> {
  await tx.execute('delete from inbox_event where (tenant_id, consumer, event_id) = ($1, $2, $3)', [event.tenant, consumer, id]);
}

/** Deletes up to `limit` marks older than `retentionMs`, which must be longer than the bus keeps records, and gives how many. */
export function deleteExpiredMarks(tx: Tx, retentionMs: number, limit: number): Promise<number> {
  return tx.execute(
    `delete from inbox_event where ctid = any(array(
       select ctid from inbox_event where done_at < now() - $1 * interval '1 ms' limit $2))`,
    [retentionMs, limit],
  );
}
