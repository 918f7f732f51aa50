import { Inject, Injectable } from '@nestjs/common';
import { TenantQuotas } from '@q2/service-kit';
import { Quotas, type QuotaShare } from './quota.port.js';

/** Quotas as tenant-manager keeps them. */
@Injectable()
export class RegistryQuotas extends Quotas {
  constructor(@Inject(TenantQuotas) private readonly quotas: TenantQuotas) {
    super();
  }

  acquire(share: QuotaShare, amount: number): Promise<void> {
    return this.quotas.acquire(share, amount);
  }

  release(share: QuotaShare): Promise<void> {
    return this.quotas.release(share);
  }

  check(share: QuotaShare, amount: number): Promise<void> {
    return this.quotas.check(share, amount);
  }
}
