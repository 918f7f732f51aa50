import { Inject, Injectable } from '@nestjs/common';
import { TenantQuotas, type QuotaShare } from '@q2/service-kit';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { nameOf } from '../experiments/stored-experiment.js';

/** Counts started experiments against the tenant's plan: those that were started and are not over. */
@Injectable()
export class RunningQuotaService {
  constructor(@Inject(TenantQuotas) private readonly quotas: TenantQuotas) {}

  /**
   * Takes one; for the same experiment again, nothing more.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   * @throws {Unavailable} QUOTA_UNAVAILABLE
   */
  acquire(key: ExperimentKey): Promise<void> {
    return this.quotas.acquire(shareOf(key), 1);
  }

  /** Gives it back; nothing happens where it was given back before. */
  release(key: ExperimentKey): Promise<void> {
    return this.quotas.release(shareOf(key));
  }
}

function shareOf({ tenant, id }: ExperimentKey): QuotaShare {
  return { tenant, resource: 'experiments', holder: nameOf({ tenantId: tenant, id }) };
}
