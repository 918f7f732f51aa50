import { allServices, permissionsOfRole } from '@q2/contracts';

const byRole = new Map<string, ReadonlySet<string>>();

/**
 * Everything that roles permit: what the contracts grant to those shipped, and what the token says of custom ones.
 *
 * @param custom permissions of the principal's custom roles, as its token carries them
 */
export function permissionsOf(roles: readonly string[], custom: readonly string[]): ReadonlySet<string> {
  return new Set([...roles.flatMap((role) => [...shippedPermissions(role)]), ...custom]);
}

function shippedPermissions(role: string): ReadonlySet<string> {
  const known = byRole.get(role);
  if (known) return known;
  const permissions = permissionsOfRole(role, allServices);
  if (permissions.size > 0) byRole.set(role, permissions);
  return permissions;
}
