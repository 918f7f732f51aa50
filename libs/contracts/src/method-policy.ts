import { getOption, hasOption, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { method as methodOption, Role, type MethodPolicy } from './gen/q2/options/v1/options_pb.js';

/**
 * Who may call a method and whether it is audited, as its contract states.
 *
 * @throws {Error} where the contract states nothing: a method must not be reachable by omission
 */
export function methodPolicy(method: DescMethod): MethodPolicy {
  if (!hasOption(method, methodOption)) throw new Error(`${method.parent.typeName}.${method.name} states no permission`);
  return getOption(method, methodOption);
}

/** Names of the shipped roles, as tokens carry them, least first. */
export const shippedRoles = ['viewer', 'editor', 'admin', 'operator'] as const;
export type ShippedRole = (typeof shippedRoles)[number];

const rank: Readonly<Record<ShippedRole, Role>> = { viewer: Role.VIEWER, editor: Role.EDITOR, admin: Role.ADMIN, operator: Role.OPERATOR };

/** True where `role` is one of those shipped. */
export function isShippedRole(role: string): role is ShippedRole {
  return shippedRoles.some((shipped) => shipped === role);
}

/** True where a role, as a token names it (`editor`, `producer`, `service:scheduler`), carries the permission of a method. */
export function roleMayCall(role: string, policy: MethodPolicy): boolean {
  if (isShippedRole(role)) return policy.grantedTo !== Role.UNSPECIFIED && rank[role] >= policy.grantedTo;
  if (role === 'producer') return policy.producers;
  return role.startsWith('service:') && policy.services.includes(role.slice('service:'.length));
}

/** All permissions that a role carries over the given services. */
export function permissionsOfRole(role: string, services: readonly DescService[]): ReadonlySet<string> {
  const policies = services.flatMap((service) => service.methods.map(methodPolicy));
  return new Set(policies.filter((policy) => roleMayCall(role, policy)).map((policy) => policy.permission));
}
