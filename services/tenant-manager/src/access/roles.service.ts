import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { AlreadyExists, InvalidArgument } from '@q2/errors';
import { checkDisplayName, rootTenant } from '../tenants/tenant.js';
import { checkGrantsPermissions, checkGrantsShippedRole, checkRoleFitsTenant, shippedRoleIds, type Granter } from './grant.js';

/** A role of a tenant, as stored. */
export interface AccessRole {
  readonly role: string;
  readonly displayName: string;
  readonly permissions: readonly string[];
  readonly createdAt: Date;
}

/** Tokens carry the permissions of a tenant's own roles, and must fit into the headers of a call. */
const mostPermissions = 100;

const roleColumns = `role_id as role, display_name as "displayName", permissions, created_at as "createdAt"`;

/** Keeps tenants' own roles, and decides who may grant which. */
@Injectable()
export class RolesService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * @throws {AlreadyExists} ROLE_EXISTS
   * @throws {PermissionDenied} GRANT_EXCEEDS_OWN where the granter lacks one of the permissions
   */
  create(tenant: string, granter: Granter, wanted: Omit<AccessRole, 'createdAt'>): Promise<AccessRole> {
    const { role, displayName } = wanted;
    if (shippedRoleIds.has(role)) throw InvalidArgument.field('role_id', `'${role}' is a role of the platform`);
    checkDisplayName(displayName, 'role.display_name');
    const permissions = [...new Set(wanted.permissions)].sort();
    if (permissions.length === 0) throw InvalidArgument.field('role.permissions', 'must name at least one permission');
    checkGrantsPermissions(granter, permissions);
    return this.database.inTenant(tenant, async (tx) => {
      const [created] = await tx.query<AccessRole>(
        `insert into access_roles (tenant_id, role_id, display_name, permissions) values ($1, $2, $3, $4)
         on conflict do nothing returning ${roleColumns}`,
        [tenant, role, displayName, permissions],
      );
      if (created) return created;
      throw new AlreadyExists('ROLE_EXISTS', `tenants/${tenant}/roles/${role} exists already`, { role });
    });
  }

  /** A tenant's own roles by id, those after `after` first. */
  list(tenant: string, page: { size: number; after: string }): Promise<AccessRole[]> {
    const sql = `select ${roleColumns} from access_roles where tenant_id = $1 and role_id > $2 order by role_id limit $3`;
    return this.database.inTenant(tenant, (tx) => tx.query<AccessRole>(sql, [tenant, page.after, page.size]), { readOnly: true });
  }

  /**
   * Checks that a granter may decide about a key with these roles: that they hold all of it themselves.
   *
   * @param field the field of the request that names the roles
   * @throws {InvalidArgument} where a role does not exist, or cannot be held in this tenant
   * @throws {PermissionDenied} GRANT_EXCEEDS_OWN
   */
  async checkGrant(tx: Tx, granter: Granter, roles: readonly string[], field: string): Promise<void> {
    const own = await findOwnRoles(tx, roles);
    const carried = [...own.values()].flat().length;
    if (carried > mostPermissions)
      throw InvalidArgument.field(field, `the tenant's own roles may carry ${mostPermissions} permissions together, got ${carried}`);
    for (const role of roles) {
      const permissions = own.get(role);
      if (permissions) checkGrantsPermissions(granter, permissions);
      else if (shippedRoleIds.has(role)) checkShipped(tx, granter, role, field);
      else throw InvalidArgument.field(field, `'${role}' is neither a role of the platform nor of tenants/${tx.tenant}`);
    }
  }
}

function checkShipped(tx: Tx, granter: Granter, role: string, field: string): void {
  checkRoleFitsTenant(role, tx.tenant === rootTenant, field);
  checkGrantsShippedRole(granter, role, field);
}

/** Those of the roles that are the tenant's own, with their permissions. */
export async function findOwnRoles(tx: Tx, roles: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await tx.query<{ role: string; permissions: readonly string[] }>(
    'select role_id as role, permissions from access_roles where tenant_id = $1 and role_id = any($2)',
    [tx.tenant, roles],
  );
  return new Map(rows.map(({ role, permissions }) => [role, permissions]));
}
