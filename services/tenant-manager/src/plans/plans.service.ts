import { Inject, Injectable } from '@nestjs/common';
import { tenantEvents, tenants } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Aborted, AlreadyExists, FailedPrecondition, PermissionDenied } from '@q2/errors';
import { Outbox } from '@q2/events';
import { checkDisplayName, rootTenant, type Tenant } from '../tenants/tenant.js';
import { getTenantRow, lockTenantRow } from '../tenants/tenant-rows.js';
import { lockOwnUsage } from '../quotas/usage-rows.js';
import { checkFits, type Limits, type Plan } from './plan.js';
import { getPlanRow, lockPlanRow, planColumns } from './plan-rows.js';

/** What of a plan is to change; undefined fields stay. */
export interface PlanChanges {
  readonly displayName: string | undefined;
  readonly limits: Limits | undefined;
  /** Revision that the change builds on; undefined: whatever there is. */
  readonly revision: string | undefined;
}

/** Keeps the catalogue of plans, and puts tenants on them. */
@Injectable()
export class PlansService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * @param tenant tenant of the call; only the platform writes the catalogue
   * @throws {AlreadyExists} PLAN_EXISTS
   */
  create(tenant: string, wanted: Pick<Plan, 'plan' | 'displayName' | 'limits'>): Promise<Plan> {
    checkPlatform(tenant);
    checkDisplayName(wanted.displayName, 'plan.display_name');
    return this.database.inTenant(tenant, async (tx) => {
      const [created] = await tx.query<Plan>(
        `insert into plans (plan_id, display_name, limits) values ($1, $2, $3) on conflict do nothing returning ${planColumns}`,
        [wanted.plan, wanted.displayName, JSON.stringify(wanted.limits)],
      );
      if (created) return created;
      throw new AlreadyExists('PLAN_EXISTS', `plans/${wanted.plan} exists already`, { plan: wanted.plan });
    });
  }

  /** @throws {NotFound} PLAN_NOT_FOUND */
  get(tenant: string, plan: string): Promise<Plan> {
    return this.database.inTenant(tenant, (tx) => getPlanRow(tx, plan), { readOnly: true });
  }

  /** The catalogue by id, plans after `after` first. */
  list(tenant: string, page: { size: number; after: string }): Promise<Plan[]> {
    const sql = `select ${planColumns} from plans where plan_id > $1 order by plan_id limit $2`;
    return this.database.inTenant(tenant, (tx) => tx.query<Plan>(sql, [page.after, page.size]), { readOnly: true });
  }

  /** @throws {Aborted} PLAN_CHANGED where `changes.revision` is not the current one */
  update(tenant: string, plan: string, changes: PlanChanges): Promise<Plan> {
    checkPlatform(tenant);
    if (changes.displayName !== undefined) checkDisplayName(changes.displayName, 'plan.display_name');
    return this.database.inTenant(tenant, async (tx) => {
      const current = await lockPlanRow(tx, plan);
      checkRevision(current, changes.revision);
      await tx.execute(
        'update plans set display_name = $2, limits = $3, revision = revision + 1, updated_at = clock_timestamp() where plan_id = $1',
        [plan, changes.displayName ?? current.displayName, JSON.stringify(changes.limits ?? current.limits)],
      );
      return getPlanRow(tx, plan);
    });
  }

  /**
   * Puts a tenant on another plan at once.
   *
   * @throws {FailedPrecondition} USE_EXCEEDS_PLAN naming the excess; ROOT_TENANT_FIXED for the root
   * @throws {NotFound} PLAN_NOT_FOUND
   */
  changeTenantPlan(tenant: string, plan: string): Promise<Tenant> {
    return this.database.inTenant(tenant, async (tx) => {
      const { plan: previous } = await lockTenantRow(tx, tenant);
      if (previous === null) throw new FailedPrecondition('ROOT_TENANT_FIXED', `tenants/${rootTenant} has no plan`, { tenant });
      // Nothing can be acquired between this look at what is used and the commit of the new limits.
      checkFits(tenant, await getPlanRow(tx, plan), await lockOwnUsage(tx, tenant));
      await tx.execute('update tenants set plan_id = $2, revision = revision + 1, updated_at = clock_timestamp() where tenant_id = $1', [
        tenant,
        plan,
      ]);
      if (previous !== plan) await this.announceChange(tx, tenant, { previous, plan });
      return getTenantRow(tx, tenant);
    });
  }

  private async announceChange(tx: Tx, tenant: string, plans: { previous: string; plan: string }): Promise<void> {
    await this.outbox.add(tx, {
      type: tenantEvents.PlanChangedSchema,
      key: tenants.tenantName.format({ tenant }),
      data: {
        tenant,
        previousPlan: tenants.planName.format({ plan: plans.previous }),
        plan: tenants.planName.format({ plan: plans.plan }),
      },
    });
  }
}

/** The catalogue has no row-level security: that only the platform writes it is decided here. */
function checkPlatform(tenant: string): void {
  if (tenant !== rootTenant)
    throw new PermissionDenied('PLANS_BELONG_TO_PLATFORM', 'plans are written by operators of the platform only', { tenant });
}

function checkRevision(current: Plan, revision: string | undefined): void {
  if (revision === undefined || revision === String(current.revision)) return;
  throw new Aborted('PLAN_CHANGED', `plans/${current.plan} has changed: its etag is ${current.revision}, not ${revision}; read it again`, {
    plan: current.plan,
  });
}
