import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { ScheduleQuota } from './schedule-quota.port.js';

const resource = 'schedules';
/** Longest wait for tenant-manager: a change of ours waits meanwhile. */
const timeoutMs = 5000;

/** The quota as tenant-manager keeps it. */
@Injectable()
export class TenantScheduleQuota extends ScheduleQuota {
  constructor(@Inject(ServiceClients) private readonly clients: ServiceClients) {
    super();
  }

  async acquire(tenant: string, holder: string): Promise<void> {
    const quotas = this.clients.get(tenants.QuotaService);
    await quotas.acquire({ parent: `tenants/${tenant}`, resource, holder, amount: 1n }, { timeoutMs });
  }

  async release(tenant: string, holder: string): Promise<void> {
    await this.clients.get(tenants.QuotaService).release({ parent: `tenants/${tenant}`, resource, holder }, { timeoutMs });
  }
}
