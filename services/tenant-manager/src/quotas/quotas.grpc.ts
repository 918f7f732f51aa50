import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { idCursor } from '../cursors.js';
import { QuotasService } from './quotas.service.js';

/** Serves `q2.tenants.v1.QuotaService`. */
@Injectable()
export class QuotasGrpc implements ServiceImpl<typeof tenants.QuotaService> {
  constructor(@Inject(QuotasService) private readonly service: QuotasService) {}

  async checkLimit({ resource, amount }: tenants.CheckLimitRequest, call: Call) {
    const binding = await this.service.check(call.tenant, resource);
    if (binding === undefined) return { allowed: true };
    const { tenant, used, limit } = binding;
    return {
      allowed: BigInt(used) + amount <= BigInt(limit),
      used: BigInt(used),
      limit: BigInt(limit),
      bindingTenant: tenants.tenantName.format({ tenant }),
    };
  }

  async acquire({ resource, amount, holder }: tenants.AcquireRequest, call: Call) {
    const { createdAt } = await this.service.acquire({ tenant: call.tenant, resource, holder, amount: Number(amount) });
    const tenant = tenants.tenantName.format({ tenant: call.tenant });
    return { tenant, resource, holder, amount, createTime: timestampFromDate(createdAt) };
  }

  async release({ resource, holder }: tenants.ReleaseRequest, call: Call) {
    return { released: BigInt(await this.service.release({ tenant: call.tenant, resource, holder })) };
  }

  async listUsage(request: tenants.ListUsageRequest, call: Call) {
    const size = pageSizeOf(request);
    const after = decodePage(request.pageToken, idCursor) ?? '';
    const found = (await this.service.listUsage(call.tenant)).filter(({ resource }) => resource > after);
    const page = found.slice(0, size);
    return {
      usage: page.map(({ resource, used, own, limit }) => ({
        resource,
        used: BigInt(used),
        own: BigInt(own),
        ...(limit === undefined ? {} : { limit: BigInt(limit) }),
      })),
      nextPageToken: found.length > size ? encodePage(page.at(-1)?.resource ?? '') : '',
    };
  }
}
