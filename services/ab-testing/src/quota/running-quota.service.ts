import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { nameOf } from '../experiments/stored-experiment.js';

/** What a plan limits: experiments that were started and are not over. */
const RESOURCE = 'experiments';
/** Longest wait for tenant-manager. */
const TIMEOUT_MS = 5_000;

/** Counts started experiments against the tenant's plan, as tenant-manager keeps it. */
@Injectable()
export class RunningQuotaService {
  constructor(@Inject(ServiceClients) private readonly clients: ServiceClients) {}

  /**
   * Takes one; for the same experiment again, nothing more.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   * @throws {Unavailable} where tenant-manager cannot be reached
   */
  async acquire(key: ExperimentKey): Promise<void> {
    await this.client().acquire({ ...shareOf(key), amount: 1n }, { timeoutMs: TIMEOUT_MS });
  }

  /** Gives it back; nothing happens where it was given back before. */
  async release(key: ExperimentKey): Promise<void> {
    await this.client().release(shareOf(key), { timeoutMs: TIMEOUT_MS });
  }

  private client() {
    return this.clients.get(tenants.QuotaService);
  }
}

function shareOf({ tenant, id }: ExperimentKey) {
  return { parent: `tenants/${tenant}`, resource: RESOURCE, holder: nameOf({ tenantId: tenant, id }) };
}
