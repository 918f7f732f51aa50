import { FailedPrecondition } from '@q2/errors';

/** Resources that are held until they are given back: each unit has a holder. In the order of lists. */
export const heldResources = [
  'executions_concurrent',
  'experiments',
  'gpus',
  'loaded_models',
  'members',
  'memory_bytes',
  'metric_series',
  'model_versions',
  'models',
  'schedules',
  'storage_bytes',
] as const;

/** Most of each resource; one that is not named is not limited. */
export type Limits = Readonly<Record<string, number>>;

/** One plan as stored. */
export interface Plan {
  readonly plan: string;
  readonly displayName: string;
  readonly limits: Limits;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const GiB = 2 ** 30;

/** The plans shipped with the platform. The operator may change them; a start never changes them back. */
export const shippedPlans: readonly Pick<Plan, 'plan' | 'displayName' | 'limits'>[] = [
  { plan: 'free', displayName: 'Free', limits: limitsOf(1, { gpus: 0, members: 3, storage_bytes: 1 * GiB, memory_bytes: 1 * GiB }) },
  {
    plan: 'starter',
    displayName: 'Starter',
    limits: limitsOf(5, { gpus: 0, members: 10, storage_bytes: 20 * GiB, memory_bytes: 4 * GiB }),
  },
  {
    plan: 'professional',
    displayName: 'Professional',
    limits: limitsOf(50, { gpus: 4, members: 100, storage_bytes: 500 * GiB, memory_bytes: 64 * GiB }),
  },
  { plan: 'enterprise', displayName: 'Enterprise', limits: { requests_per_minute: 600_000, metric_points_per_minute: 6_000_000 } },
];

/** The limits that grow with a plan's size, and those that do not. */
function limitsOf(size: number, fixed: Limits): Limits {
  return {
    ...fixed,
    models: 10 * size,
    model_versions: 100 * size,
    loaded_models: 4 * size,
    experiments: 5 * size,
    executions_concurrent: 10 * size,
    schedules: 10 * size,
    metric_series: 1_000 * size,
    metric_points_per_minute: 10_000 * size,
    requests_per_minute: 1_000 * size,
  };
}

/** What a tenant uses beyond a limit. */
export interface Excess {
  readonly resource: string;
  readonly used: number;
  readonly limit: number;
}

/** Finds the resources of which more is used than limits allow, in the order of `used`. */
export function findExcess(used: ReadonlyMap<string, number>, limits: Limits): readonly Excess[] {
  return [...used].flatMap(([resource, amount]) => {
    const limit = limits[resource];
    return limit !== undefined && amount > limit ? [{ resource, used: amount, limit }] : [];
  });
}

/**
 * Checks that what a tenant uses fits under a plan.
 *
 * @throws {FailedPrecondition} USE_EXCEEDS_PLAN naming each resource of which too much is used
 */
export function checkFits(tenant: string, plan: Pick<Plan, 'plan' | 'limits'>, used: ReadonlyMap<string, number>): void {
  const excess = findExcess(used, plan.limits);
  if (excess.length === 0) return;
  const listed = excess.map((each) => `${each.resource} ${each.used} of ${each.limit}`).join(', ');
  throw new FailedPrecondition(
    'USE_EXCEEDS_PLAN',
    `tenants/${tenant} uses more than plans/${plan.plan} allows: ${listed}; release the excess first`,
    {
      tenant,
      plan: plan.plan,
      ...Object.fromEntries(excess.map((each) => [each.resource, `${each.used}/${each.limit}`])),
    },
  );
}
