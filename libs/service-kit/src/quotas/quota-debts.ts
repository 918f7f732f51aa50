import type { Tx } from '@q2/database';
import type { QuotaShare } from './trust.js';

/** Something that tenant-manager has not been told yet. */
export interface QuotaDebt {
  readonly share: QuotaShare;
  readonly intent: 'acquire' | 'release';
  readonly amount: number;
}

const key = ({ tenant, resource, holder }: QuotaShare) => [tenant, resource, holder];

/** The debt of a holder, locked against its settlement. */
export async function lockDebt(tx: Tx, share: QuotaShare): Promise<QuotaDebt | undefined> {
  const [row] = await tx.query<{ intent: QuotaDebt['intent']; amount: string }>(
    'select intent, amount from quota_debts where tenant_id = $1 and resource = $2 and holder = $3 for update',
    key(share),
  );
  return row && { share, intent: row.intent, amount: Number(row.amount) };
}

/** Writes down what tenant-manager is to be told of a holder; what it was to be told before is forgotten. */
export async function recordDebt(tx: Tx, { share, intent, amount }: QuotaDebt): Promise<void> {
  await tx.execute(
    `insert into quota_debts (tenant_id, resource, holder, intent, amount) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, resource, holder) do update set intent = excluded.intent, amount = excluded.amount, retry_at = now()`,
    [...key(share), intent, amount],
  );
}

export async function forgetDebt(tx: Tx, share: QuotaShare): Promise<void> {
  await tx.execute('delete from quota_debts where tenant_id = $1 and resource = $2 and holder = $3', key(share));
}

/** Has a debt wait that cannot be settled now. */
export async function postponeDebt(tx: Tx, share: QuotaShare, waitMs: number): Promise<void> {
  await tx.execute(
    `update quota_debts set retry_at = now() + make_interval(secs => $4) where tenant_id = $1 and resource = $2 and holder = $3`,
    [...key(share), waitMs / 1000],
  );
}

/** What a tenant has of a resource on trust, besides a holder; nobody else can take any of it until the transaction ends. */
export async function lockTaken(tx: Tx, { tenant, resource, holder }: QuotaShare): Promise<number> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('q2.quota-debts.' || $1 || '.' || $2, 0))`, [tenant, resource]);
  const [row] = await tx.query<{ taken: string }>(
    `select coalesce(sum(amount), 0) as taken from quota_debts
     where tenant_id = $1 and resource = $2 and holder <> $3 and intent = 'acquire'`,
    [tenant, resource, holder],
  );
  return Number(row?.taken ?? 0);
}

/** The oldest debts of all tenants that may be settled now. */
export function findDue(tx: Tx, limit: number): Promise<QuotaShare[]> {
  return tx.query<QuotaShare>(
    'select tenant_id as tenant, resource, holder from quota_debts where retry_at <= now() order by created_at limit $1',
    [limit],
  );
}
