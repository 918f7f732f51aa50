import { InvalidArgument, PermissionDenied } from '@q2/errors';

/** Who grants, as far as deciding what they may grant needs it. */
export interface Granter {
  readonly roles: readonly string[];
  /** All that the granter may do, by shipped and custom roles together. */
  readonly permissions: ReadonlySet<string>;
}

const ladder = ['viewer', 'editor', 'admin', 'operator'];

/** Roles that come with the platform; a tenant's own roles cannot take these ids. */
export const shippedRoleIds: ReadonlySet<string> = new Set([...ladder, 'producer', 'service']);

/**
 * Checks that a granter may hand out permissions: nobody can give what they lack.
 *
 * @throws {PermissionDenied} GRANT_EXCEEDS_OWN naming what the granter lacks
 */
export function checkGrantsPermissions(granter: Granter, permissions: readonly string[]): void {
  const missing = permissions.filter((permission) => !granter.permissions.has(permission));
  if (missing.length > 0) throw exceedsOwn('permissions', missing);
}

/**
 * Checks that a granter may hand out a shipped role: one at most as high as the highest of their own. A producer may
 * only send data, which every editor may.
 *
 * @throws {InvalidArgument} naming `field` where the role is not one that a key can have
 * @throws {PermissionDenied} GRANT_EXCEEDS_OWN
 */
export function checkGrantsShippedRole(granter: Granter, role: string, field: string): void {
  const needed = ladder.indexOf(role === 'producer' ? 'editor' : role);
  if (needed < 0) throw InvalidArgument.field(field, `'${role}' is a role that only the platform gives`);
  const own = Math.max(-1, ...granter.roles.map((each) => ladder.indexOf(each)));
  if (needed > own) throw exceedsOwn('roles', [role]);
}

/**
 * Checks where a shipped role can be held: `operator` by keys of the platform alone.
 *
 * @throws {InvalidArgument} naming `field`
 */
export function checkRoleFitsTenant(role: string, isPlatform: boolean, field: string): void {
  if (role === 'operator' && !isPlatform) throw InvalidArgument.field(field, "'operator' is a role of keys of tenants/platform only");
}

function exceedsOwn(what: string, missing: readonly string[]): PermissionDenied {
  const listed = missing.join(', ');
  return new PermissionDenied(
    'GRANT_EXCEEDS_OWN',
    `nobody can grant, rotate or revoke more than they hold; you lack the ${what} ${listed}`,
    { [what]: listed },
  );
}
