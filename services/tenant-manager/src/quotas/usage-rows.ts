import type { Tx } from '@q2/database';
import { heldResources } from '../plans/plan.js';

/**
 * Reads what a tenant, with all below it, uses of every resource, and keeps it from changing until the transaction ends.
 * Resources that nobody has acquired yet get their row here: what is not there could not be locked.
 */
export async function lockOwnUsage(tx: Tx, tenant: string): Promise<ReadonlyMap<string, number>> {
  await tx.execute(
    `insert into quota_usage (tenant_id, resource, parent_id) select t.tenant_id, resource, t.parent_id from tenants t, unnest($2::text[]) as resource
     where t.tenant_id = $1 on conflict do nothing`,
    [tenant, heldResources],
  );
  const rows = await tx.query<{ resource: string; used: string }>(
    'select resource, used from quota_usage where tenant_id = $1 order by resource for update',
    [tenant],
  );
  return new Map(rows.map(({ resource, used }) => [resource, Number(used)]));
}
