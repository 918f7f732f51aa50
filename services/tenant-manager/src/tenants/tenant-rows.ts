import type { Tx } from '@q2/database';
import { NotFound } from '@q2/errors';
import type { PathStep, Tenant } from './tenant.js';

/** Columns of `tenants` as {@link Tenant} names them. */
export const tenantColumns = `tenant_id as tenant, parent_id as parent, ancestors, display_name as "displayName", plan_id as plan, labels, state,
  suspension_reason as "suspensionReason", revision, created_at as "createdAt", updated_at as "updatedAt"`;

/** @throws {NotFound} TENANT_NOT_FOUND */
export function getTenantRow(tx: Tx, tenant: string): Promise<Tenant> {
  return getOne(tx, tenant, '');
}

/** Reads a tenant and keeps others from changing it until the transaction ends. */
export function lockTenantRow(tx: Tx, tenant: string): Promise<Tenant> {
  return getOne(tx, tenant, 'for update');
}

async function getOne(tx: Tx, tenant: string, lock: string): Promise<Tenant> {
  const [row] = await tx.query<Tenant>(`select ${tenantColumns} from tenants where tenant_id = $1 ${lock}`, [tenant]);
  if (row) return row;
  throw new NotFound('TENANT_NOT_FOUND', `tenants/${tenant} does not exist`, { tenant });
}

/** The transaction's tenant and all above it, the root first; empty where the tenant does not exist. */
export function findTenantPath(tx: Tx): Promise<(PathStep & { readonly plan: string | null })[]> {
  return tx.query('select tenant, state, plan from tenant_path()');
}
