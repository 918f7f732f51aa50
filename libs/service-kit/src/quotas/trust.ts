import { Unavailable } from '@q2/errors';

/** What the plans of tenants limit, as far as other services than tenant-manager hand it out. */
export type QuotaResource = 'models' | 'model_versions' | 'storage_bytes' | 'experiments' | 'executions_concurrent' | 'schedules';

/** A share of a resource. */
export interface QuotaShare {
  readonly tenant: string;
  readonly resource: QuotaResource;
  /** Full name of what takes it; the same holder takes it once. */
  readonly holder: string;
}

/** What a tenant may take of each resource on trust: the most that it can end up above its limit by. */
const mostOnTrust: Readonly<Record<QuotaResource, number>> = {
  models: 5,
  model_versions: 20,
  storage_bytes: 1024 ** 3,
  experiments: 5,
  executions_concurrent: 50,
  schedules: 20,
};

const retryAfterMs = 5_000;

/**
 * Decides whether a share is given on trust, while tenant-manager is away and nobody knows what the tenant has left.
 *
 * @param taken what the tenant has of the resource on trust already
 * @throws {Unavailable} QUOTA_UNAVAILABLE where that would be more than a little
 */
export function checkTrust({ tenant, resource }: QuotaShare, amount: number, taken: number): void {
  const most = mostOnTrust[resource];
  if (taken + amount <= most) return;
  throw new Unavailable(
    'QUOTA_UNAVAILABLE',
    `tenant-manager cannot be asked what tenants/${tenant} may still take of ${resource}; meanwhile ${most} are given on trust, of which ${taken} are taken and ${amount} were asked for`,
    { tenant, resource, most: String(most), taken: String(taken), amount: String(amount) },
    { retryAfterMs },
  );
}
