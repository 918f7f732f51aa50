import { FailedPrecondition, InvalidArgument, PermissionDenied } from '@q2/errors';

/** The tenant at the root of the tree: the platform itself. Seeded, and never suspended. */
export const rootTenant = 'platform';

/** Where a tenant is in its life, as stored and as events spell it. */
export type TenantState = 'PENDING' | 'ACTIVE' | 'SUSPENDED';

/** One tenant as stored. Ids, not names. */
export interface Tenant {
  readonly tenant: string;
  readonly parent: string | null;
  /** Ids of the tenants above it, the root first. */
  readonly ancestors: readonly string[];
  readonly displayName: string;
  /** Null for the root alone, which is not limited. */
  readonly plan: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: TenantState;
  readonly suspensionReason: string;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const nextStates: Readonly<Record<TenantState, readonly TenantState[]>> = {
  PENDING: ['ACTIVE'],
  ACTIVE: ['SUSPENDED'],
  SUSPENDED: ['ACTIVE'],
};

/**
 * Checks that a tenant may go from its state to another.
 *
 * @throws {FailedPrecondition} ROOT_TENANT_FIXED for the root, ILLEGAL_TENANT_TRANSITION naming what is allowed
 */
export function checkTransition(tenant: string, from: TenantState, to: TenantState): void {
  if (tenant === rootTenant) throw new FailedPrecondition('ROOT_TENANT_FIXED', `tenants/${rootTenant} is always ACTIVE`, { tenant });
  const allowed = nextStates[from];
  if (allowed.includes(to)) return;
  throw new FailedPrecondition(
    'ILLEGAL_TENANT_TRANSITION',
    `tenants/${tenant} is ${from} and cannot become ${to}; from ${from} it can become ${allowed.join(', ')}`,
    { tenant, from, to, allowed: allowed.join(',') },
  );
}

/**
 * Checks that who decides about a tenant stands above it: a tenant cannot lift its own suspension or choose its own plan.
 * That the caller reaches the tenant at all was checked before.
 *
 * @throws {PermissionDenied} ONLY_FROM_ABOVE
 */
export function checkFromAbove(callerTenant: string, tenant: string): void {
  if (callerTenant !== tenant || tenant === rootTenant) return;
  throw new PermissionDenied('ONLY_FROM_ABOVE', `only a tenant above tenants/${tenant} decides this, not the tenant itself`, { tenant });
}

/** A tenant of a path, as far as deciding whether work below it may go on needs it. */
export interface PathStep {
  readonly tenant: string;
  readonly state: TenantState;
}

/**
 * Checks that a tenant and all above it are ACTIVE.
 *
 * @param path root first, the tenant itself last
 * @throws {FailedPrecondition} TENANT_NOT_ACTIVE naming the first that is not
 */
export function checkActivePath(path: readonly PathStep[]): void {
  const blocking = path.find((step) => step.state !== 'ACTIVE');
  if (blocking === undefined) return;
  throw new FailedPrecondition('TENANT_NOT_ACTIVE', `tenants/${blocking.tenant} is ${blocking.state}; it must be ACTIVE`, {
    tenant: blocking.tenant,
    state: blocking.state,
  });
}

/**
 * Checks a name for people.
 *
 * @throws {InvalidArgument} naming `field` where it is empty or blank
 */
export function checkDisplayName(displayName: string, field: string): void {
  if (displayName.trim() === '') throw InvalidArgument.field(field, 'must be 1 to 200 characters that are not all blank');
}

/**
 * Checks which fields an update names.
 *
 * @returns the fields, each once
 * @throws {InvalidArgument} naming `update_mask` where it names none, or one that cannot be changed
 */
export function updatedFields<Field extends string>(paths: readonly string[], allowed: readonly Field[]): ReadonlySet<Field> {
  const fields = new Set<Field>();
  for (const path of paths) {
    const field = allowed.find((candidate) => candidate === path);
    if (field === undefined) throw InvalidArgument.field('update_mask', `cannot name '${path}'; allowed are ${allowed.join(', ')}`);
    fields.add(field);
  }
  if (fields.size === 0) throw InvalidArgument.field('update_mask', `must name at least one of ${allowed.join(', ')}`);
  return fields;
}
