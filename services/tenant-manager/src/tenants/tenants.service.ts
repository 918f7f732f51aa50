import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenantEvents, tenants } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Aborted, AlreadyExists, InvalidArgument } from '@q2/errors';
import { Outbox } from '@q2/events';
import { checkPlanExists } from '../plans/plan-rows.js';
import { checkActivePath, checkDisplayName, checkTransition, rootTenant, type Tenant, type TenantState } from './tenant.js';
import { findTenantPath, getTenantRow, lockTenantRow, tenantColumns } from './tenant-rows.js';

/** What a new tenant is to be. */
export interface NewTenant {
  readonly tenant: string;
  readonly parent: string;
  readonly displayName: string;
  /** Undefined: the parent's plan, or `free` below the root. */
  readonly plan: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly creator: string;
}

/** What of a tenant is to change; undefined fields stay. */
export interface TenantChanges {
  readonly displayName: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** Revision that the change builds on; undefined: whatever there is. */
  readonly revision: string | undefined;
}

const planBelowRoot = 'free';

/** Creates tenants and moves them through their states. */
@Injectable()
export class TenantsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * Creates a tenant below its parent, PENDING.
   *
   * @throws {AlreadyExists} TENANT_EXISTS
   * @throws {FailedPrecondition} TENANT_NOT_ACTIVE where the parent, or one above it, is not
   * @throws {NotFound} PLAN_NOT_FOUND
   */
  create(wanted: NewTenant): Promise<Tenant> {
    checkDisplayName(wanted.displayName, 'tenant.display_name');
    if (wanted.tenant === rootTenant) throw InvalidArgument.field('tenant_id', `'${rootTenant}' is reserved`);
    return this.database.inTenant(wanted.parent, async (tx) => {
      const path = await findTenantPath(tx);
      checkActivePath(path);
      const plan = wanted.plan ?? path.at(-1)?.plan ?? planBelowRoot;
      await checkPlanExists(tx, plan);
      const tenant = await insertTenant(
        tx,
        { ...wanted, plan },
        path.map((step) => step.tenant),
      );
      await this.announceCreation(tx, tenant, wanted.creator);
      return tenant;
    });
  }

  /** @throws {NotFound} TENANT_NOT_FOUND */
  get(tenant: string): Promise<Tenant> {
    return this.database.inTenant(tenant, (tx) => getTenantRow(tx, tenant), { readOnly: true });
  }

  /** Direct children by id, those after `after` first. */
  list(parent: string, page: { size: number; after: string }): Promise<Tenant[]> {
    const sql = `select ${tenantColumns} from tenants where parent_id = $1 and tenant_id > $2 order by tenant_id limit $3`;
    return this.database.inTenant(parent, (tx) => tx.query<Tenant>(sql, [parent, page.after, page.size]), { readOnly: true });
  }

  /** @throws {Aborted} TENANT_CHANGED where `changes.revision` is not the current one */
  update(tenant: string, changes: TenantChanges): Promise<Tenant> {
    if (changes.displayName !== undefined) checkDisplayName(changes.displayName, 'tenant.display_name');
    return this.database.inTenant(tenant, async (tx) => {
      const current = await lockTenantRow(tx, tenant);
      checkRevision(current, changes.revision);
      return changeTenant(tx, tenant, 'display_name = $2, labels = $3', [
        changes.displayName ?? current.displayName,
        JSON.stringify(changes.labels ?? current.labels),
      ]);
    });
  }

  /** @throws {FailedPrecondition} as {@link checkTransition} */
  activate(tenant: string): Promise<Tenant> {
    return this.database.inTenant(tenant, async (tx) => {
      const changed = await this.moveTo(tx, tenant, { state: 'ACTIVE', reason: '' });
      const { ancestors, state } = changed;
      await this.outbox.add(tx, {
        type: tenantEvents.TenantActivatedSchema,
        key: tenants.tenantName.format({ tenant }),
        data: { tenant, ancestors: [...ancestors], state },
      });
      return changed;
    });
  }

  /** @throws {FailedPrecondition} as {@link checkTransition} */
  suspend(tenant: string, reason: string): Promise<Tenant> {
    return this.database.inTenant(tenant, async (tx) => {
      const changed = await this.moveTo(tx, tenant, { state: 'SUSPENDED', reason });
      const { ancestors, state } = changed;
      await this.outbox.add(tx, {
        type: tenantEvents.TenantSuspendedSchema,
        key: tenants.tenantName.format({ tenant }),
        data: { tenant, ancestors: [...ancestors], state, reason },
      });
      return changed;
    });
  }

  private async moveTo(tx: Tx, tenant: string, to: { state: TenantState; reason: string }): Promise<Tenant> {
    const { state } = await lockTenantRow(tx, tenant);
    checkTransition(tenant, state, to.state);
    return changeTenant(tx, tenant, 'state = $2, suspension_reason = $3', [to.state, to.reason]);
  }

  private async announceCreation(tx: Tx, created: Tenant, creator: string): Promise<void> {
    const { tenant, ancestors, state, displayName, plan, createdAt } = created;
    await this.outbox.add(tx, {
      type: tenantEvents.TenantCreatedSchema,
      key: tenants.tenantName.format({ tenant }),
      data: {
        tenant,
        ancestors: [...ancestors],
        state,
        displayName,
        plan: plan === null ? '' : tenants.planName.format({ plan }),
        creator,
        createTime: timestampFromDate(createdAt),
      },
    });
  }
}

/** @throws {AlreadyExists} TENANT_EXISTS */
async function insertTenant(tx: Tx, wanted: NewTenant & { readonly plan: string }, ancestors: readonly string[]): Promise<Tenant> {
  const { tenant, parent, displayName, plan, labels } = wanted;
  const [created] = await tx.query<Tenant>(
    `insert into tenants (tenant_id, parent_id, ancestors, display_name, plan_id, labels, state) values ($1, $2, $3, $4, $5, $6, 'PENDING')
     on conflict do nothing returning ${tenantColumns}`,
    [tenant, parent, ancestors, displayName, plan, JSON.stringify(labels)],
  );
  if (created) return created;
  throw new AlreadyExists('TENANT_EXISTS', `tenants/${tenant} exists already; ids are unique on the whole platform`, { tenant });
}

async function changeTenant(tx: Tx, tenant: string, assignments: string, values: readonly unknown[]): Promise<Tenant> {
  await tx.execute(`update tenants set ${assignments}, revision = revision + 1, updated_at = clock_timestamp() where tenant_id = $1`, [
    tenant,
    ...values,
  ]);
  return getTenantRow(tx, tenant);
}

function checkRevision(current: Tenant, revision: string | undefined): void {
  if (revision === undefined || revision === String(current.revision)) return;
  throw new Aborted(
    'TENANT_CHANGED',
    `tenants/${current.tenant} has changed: its etag is ${current.revision}, not ${revision}; read it again`,
    {
      tenant: current.tenant,
    },
  );
}
