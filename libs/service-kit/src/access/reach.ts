import { FailedPrecondition, NotFound, PermissionDenied } from '@q2/errors';
import type { Principal } from '../call.js';

/** The tenant that holds what belongs to the platform itself. */
export const platformTenant = 'platform';

export type TenantState = 'PENDING' | 'ACTIVE' | 'SUSPENDED' | 'DEACTIVATED';

/** What every service knows of a tenant. */
export interface KnownTenant {
  readonly id: string;
  readonly state: TenantState;
  /** Tenants above it, the root first. */
  readonly ancestors: readonly string[];
}

/** True for principals that act in every tenant: operators, and services (whose methods are listed one by one). */
export function actsEverywhere(principal: Principal): boolean {
  return principal.tenant === platformTenant && principal.roles.some((role) => role === 'operator' || role.startsWith('service:'));
}

/**
 * Checks that a principal may act in a tenant: its own, any for those who act everywhere, and those below it for an admin.
 *
 * @param tenant the tenant that the call is about, as this service knows it; undefined where it does not
 * @param isAuthority true where the service called owns the tenants itself, and so knows better which of them exist
 * @throws {PermissionDenied} TENANT_NOT_REACHABLE, whether or not the tenant exists
 * @throws {NotFound} TENANT_NOT_FOUND, told only to those who reach every tenant
 */
export function checkReach(principal: Principal, tenantId: string, tenant: KnownTenant | undefined, isAuthority = false): void {
  if (principal.tenant === tenantId) return;
  if (actsEverywhere(principal)) {
    if (tenant || isAuthority || tenantId === platformTenant) return;
    throw new NotFound('TENANT_NOT_FOUND', `tenants/${tenantId} does not exist`, { tenant: tenantId });
  }
  if (isAdminAbove(principal, tenant)) return;
  throw new PermissionDenied('TENANT_NOT_REACHABLE', `${principal.id} may not act in tenants/${tenantId}`, { tenant: tenantId });
}

function isAdminAbove(principal: Principal, tenant: KnownTenant | undefined): boolean {
  return tenant !== undefined && principal.roles.includes('admin') && tenant.ancestors.includes(principal.tenant);
}

/**
 * Checks that work may go on in a tenant. Those who can activate it again (operators, admins above) still get in.
 *
 * @param isAccessService true for tenant-manager's own methods, which its peers need to settle what a suspended tenant holds
 * @throws {FailedPrecondition} TENANT_NOT_ACTIVE
 */
export function checkActive(principal: Principal, tenant: KnownTenant | undefined, isAccessService: boolean): void {
  if (!tenant || tenant.state === 'ACTIVE') return;
  const isService = principal.roles.some((role) => role.startsWith('service:'));
  if (isService ? isAccessService : actsEverywhere(principal) || isAdminAbove(principal, tenant)) return;
  throw new FailedPrecondition('TENANT_NOT_ACTIVE', `tenants/${tenant.id} is ${tenant.state}; only an ACTIVE tenant may work`, {
    tenant: tenant.id,
    state: tenant.state,
  });
}
