import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { ResourceExhausted } from '@q2/errors';
import { ServiceClients, type Client } from '@q2/service-kit';
import { Quotas, type QuotaShare } from './quota.port.js';

/** Longest wait for tenant-manager: a change of ours waits meanwhile. */
const timeoutMs = 5_000;

/** Quotas as tenant-manager keeps them. */
@Injectable()
export class TenantQuotas extends Quotas {
  private readonly quotas: Client<typeof tenants.QuotaService>;

  constructor(@Inject(ServiceClients) clients: ServiceClients) {
    super();
    this.quotas = clients.get(tenants.QuotaService);
  }

  async acquire({ tenant, resource, holder }: QuotaShare, amount: number): Promise<void> {
    await this.quotas.acquire({ parent: `tenants/${tenant}`, resource, holder, amount: BigInt(amount) }, { timeoutMs });
  }

  async release({ tenant, resource, holder }: QuotaShare): Promise<void> {
    await this.quotas.release({ parent: `tenants/${tenant}`, resource, holder }, { timeoutMs });
  }

  async check({ tenant, resource }: QuotaShare, amount: number): Promise<void> {
    const { allowed, used, limit, bindingTenant } = await this.quotas.checkLimit(
      { parent: `tenants/${tenant}`, resource, amount: BigInt(amount) },
      { timeoutMs },
    );
    if (allowed) return;
    const message = `${bindingTenant} uses ${used} of ${limit ?? 0n} ${resource}; ${amount} more were asked for`;
    const metadata = { tenant: bindingTenant, resource, limit: String(limit ?? 0n), used: String(used), amount: String(amount) };
    throw new ResourceExhausted('QUOTA_EXCEEDED', message, metadata);
  }
}
