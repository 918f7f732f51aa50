import { AlreadyExists, ResourceExhausted } from '@q2/errors';

/** The most of any resource that can be counted, limited or not: beyond it, numbers are no longer exact. */
export const countableMost = Number.MAX_SAFE_INTEGER;

/** Marks of a limit at which a tenant is told, in percent. */
const thresholdsPercent = [80, 90, 100] as const;

/** Use of one resource by one tenant of a path, with all below it. */
export interface UseOnPath {
  readonly tenant: string;
  readonly used: number;
  /** Undefined: not limited. */
  readonly limit: number | undefined;
}

/**
 * Finds the tenant whose limit binds: the one with the least left. Of several, the one nearest to the tenant that asks,
 * for it can do most about it.
 *
 * @param path root first, the tenant that asks last
 * @returns undefined where no tenant on the path is limited
 */
export function findBinding(path: readonly UseOnPath[]): (UseOnPath & { readonly limit: number }) | undefined {
  const limited = path.flatMap((step) => (step.limit === undefined ? [] : [{ ...step, limit: step.limit }]));
  return limited.reduceRight<(typeof limited)[number] | undefined>(
    (least, step) => (least === undefined || step.limit - step.used < least.limit - least.used ? step : least),
    undefined,
  );
}

/**
 * Finds the highest mark that use went past when it grew; undefined where it went past none. A limit of 0 has no marks:
 * nothing can be held under it.
 */
export function findThresholdPassed(usedBefore: number, used: number, limit: number): number | undefined {
  return thresholdsPercent.findLast((percent) => limit > 0 && isPast(used, percent, limit) && !isPast(usedBefore, percent, limit));
}

/** Exact where used × 100 would not be. */
function isPast(used: number, percent: number, limit: number): boolean {
  return BigInt(used) * 100n >= BigInt(percent) * BigInt(limit);
}

/** What was asked for. */
export interface QuotaRequest {
  readonly tenant: string;
  readonly resource: string;
  readonly holder: string;
  readonly amount: number;
}

/** The refusal where a limit would be exceeded; names the tenant whose limit binds. */
export function quotaExceeded(request: QuotaRequest, binding: { tenant: string; limit: number; used: number }): ResourceExhausted {
  const { resource, amount } = request;
  const { tenant, limit, used } = binding;
  return new ResourceExhausted(
    'QUOTA_EXCEEDED',
    `${amount} more ${resource} would exceed the limit of tenants/${tenant}: ${used} of ${limit} are in use`,
    {
      tenant,
      resource,
      limit: String(limit),
      used: String(used),
      amount: String(amount),
    },
  );
}

/** The refusal where the holder already holds another amount. */
export function reservationDiffers(request: QuotaRequest, held: number): AlreadyExists {
  const { tenant, resource, holder, amount } = request;
  return new AlreadyExists('RESERVATION_DIFFERS', `${holder} already holds ${held} ${resource}, not ${amount}; release it first`, {
    tenant,
    resource,
    holder,
    held: String(held),
    amount: String(amount),
  });
}
