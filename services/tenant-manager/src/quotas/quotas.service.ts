import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { NotFound } from '@q2/errors';
import { heldResources, type Limits } from '../plans/plan.js';
import { rootTenant } from '../tenants/tenant.js';
import { LimitAnnouncer } from './limit-announcer.service.js';
import {
  countableMost,
  findBinding,
  findThresholdPassed,
  quotaExceeded,
  reservationDiffers,
  type QuotaRequest,
  type UseOnPath,
} from './quota.js';

/** What a holder has of a resource. */
export interface Reservation extends QuotaRequest {
  readonly createdAt: Date;
}

/** Use of one resource against its limit. */
export interface Usage {
  readonly resource: string;
  readonly used: number;
  readonly own: number;
  /** Undefined: not limited. */
  readonly limit: number | undefined;
}

/** A path's row as PostgreSQL gives it: bigints are text. */
interface PathRow {
  readonly tenant: string;
  readonly used: string;
  readonly limit: string | null;
}

interface AcquireRow extends PathRow {
  readonly held: string | null;
  readonly heldSince: Date;
  readonly isNew: boolean;
}

/** Reserves resources up the tree of tenants. */
@Injectable()
export class QuotasService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(LimitAnnouncer) private readonly announcer: LimitAnnouncer,
  ) {}

  /** The state of the tenant that binds, or undefined where none on the path is limited. */
  async check(tenant: string, resource: string) {
    const rows = await this.database.inTenant(
      tenant,
      (tx) => tx.query<PathRow>('select tenant, used, "limit" from quota_path($1)', [resource]),
      {
        readOnly: true,
      },
    );
    return findBinding(rows.map(toUse));
  }

  /**
   * Reserves for a holder, or gives the reservation that it has already.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED naming the tenant whose limit binds
   * @throws {AlreadyExists} RESERVATION_DIFFERS where the holder has another amount
   * @throws {NotFound} TENANT_NOT_FOUND
   */
  acquire(request: QuotaRequest): Promise<Reservation> {
    const { tenant, resource, holder, amount } = request;
    return this.database.inTenant(tenant, async (tx) => {
      const rows = await tx.query<AcquireRow>('select * from quota_acquire($1, $2, $3)', [resource, holder, amount]);
      const [reserved] = rows;
      if (reserved === undefined) throw new NotFound('TENANT_NOT_FOUND', `tenants/${tenant} does not exist`, { tenant });
      if (reserved.held === null) throw refusal(request, rows.map(toUse));
      if (Number(reserved.held) !== amount) throw reservationDiffers(request, Number(reserved.held));
      if (reserved.isNew) await this.recordCrossings(tx, request, rows.map(toUse));
      return { ...request, createdAt: reserved.heldSince };
    });
  }

  /** Gives back what a holder holds; answers how much, 0 where it holds nothing. */
  release(request: Omit<QuotaRequest, 'amount'>): Promise<number> {
    const { tenant, resource, holder } = request;
    return this.database.inTenant(tenant, async (tx) => {
      const [row] = await tx.query<{ released: string }>('select quota_release($1, $2) as released', [resource, holder]);
      return Number(row?.released);
    });
  }

  /** Use of every resource that can be held, by resource. */
  listUsage(tenant: string): Promise<readonly Usage[]> {
    return this.database.inTenant(tenant, (tx) => readUsage(tx, tenant), { readOnly: true });
  }

  /** Those above a tenant are told of their limits too, but not in its transaction: the event is theirs. */
  private async recordCrossings(tx: Tx, request: QuotaRequest, before: readonly UseOnPath[]): Promise<void> {
    const { resource, amount } = request;
    const crossings = before.flatMap(({ tenant, used, limit }) => {
      const threshold = limit === undefined ? undefined : findThresholdPassed(used, used + amount, limit);
      return threshold === undefined ? [] : [{ tenant, resource, used: used + amount, limit, threshold }];
    });
    if (crossings.length > 0) await this.announcer.record(tx, crossings);
  }
}

const toUse = ({ tenant, used, limit }: PathRow): UseOnPath => ({
  tenant,
  used: Number(used),
  limit: limit === null ? undefined : Number(limit),
});

/** Where no limit binds, what can be counted does. */
function refusal(request: QuotaRequest, path: readonly UseOnPath[]) {
  const countable = path.map((step) => ({ ...step, limit: step.limit ?? countableMost }));
  return quotaExceeded(request, findBinding(countable) ?? { tenant: request.tenant, used: 0, limit: 0 });
}

/** The root's row counts what it holds itself only; what its children use is added here. */
async function readUsage(tx: Tx, tenant: string): Promise<readonly Usage[]> {
  const rows = await tx.query<{ resource: string; used: string; own: string }>(
    `select resource, sum(used) as used, sum(own) filter (where tenant_id = $1) as own from quota_usage
     where tenant_id = $1 or (parent_id = $1 and $1 = $2) group by resource`,
    [tenant, rootTenant],
  );
  const [plan] = await tx.query<{ limits: Limits }>(
    'select p.limits from tenants t join plans p on p.plan_id = t.plan_id where t.tenant_id = $1',
    [tenant],
  );
  const byResource = new Map(rows.map((row) => [row.resource, row]));
  return heldResources.map((resource) => {
    const row = byResource.get(resource);
    return { resource, used: Number(row?.used ?? 0), own: Number(row?.own ?? 0), limit: plan?.limits[resource] };
  });
}
