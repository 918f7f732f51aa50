import { Inject, Injectable } from '@nestjs/common';
import { TenantQuotas } from '@q2/service-kit';
import { ScheduleQuota } from './schedule-quota.port.js';

const resource = 'schedules';

/** The quota as tenant-manager keeps it. */
@Injectable()
export class TenantScheduleQuota extends ScheduleQuota {
  constructor(@Inject(TenantQuotas) private readonly quotas: TenantQuotas) {
    super();
  }

  acquire(tenant: string, holder: string): Promise<void> {
    return this.quotas.acquire({ tenant, resource, holder }, 1);
  }

  release(tenant: string, holder: string): Promise<void> {
    return this.quotas.release({ tenant, resource, holder });
  }
}
