import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { idCursor } from '../cursors.js';
import { checkFromAbove, updatedFields, type Tenant, type TenantState } from './tenant.js';
import { TenantsService } from './tenants.service.js';

/** Serves `q2.tenants.v1.TenantService`. */
@Injectable()
export class TenantsGrpc implements ServiceImpl<typeof tenants.TenantService> {
  constructor(@Inject(TenantsService) private readonly service: TenantsService) {}

  async createTenant({ tenantId, tenant }: tenants.CreateTenantRequest, call: Call) {
    const created = await this.service.create({
      tenant: tenantId,
      parent: call.tenant,
      displayName: tenant?.displayName ?? '',
      plan: tenant?.plan ? tenants.planName.parse(tenant.plan, 'tenant.plan').plan : undefined,
      labels: tenant?.labels ?? {},
      creator: call.principal.id,
    });
    return toTenantMessage(created);
  }

  async getTenant(_request: tenants.GetTenantRequest, call: Call) {
    return toTenantMessage(await this.service.get(call.tenant));
  }

  async listTenants(request: tenants.ListTenantsRequest, call: Call) {
    const size = pageSizeOf(request);
    const after = decodePage(request.pageToken, idCursor) ?? '';
    const found = await this.service.list(call.tenant, { size: size + 1, after });
    const page = found.slice(0, size);
    return { tenants: page.map(toTenantMessage), nextPageToken: found.length > size ? encodePage(page.at(-1)?.tenant ?? '') : '' };
  }

  async updateTenant({ tenant, updateMask }: tenants.UpdateTenantRequest, call: Call) {
    const fields = updatedFields(updateMask?.paths ?? [], ['display_name', 'labels']);
    const updated = await this.service.update(call.tenant, {
      displayName: fields.has('display_name') ? (tenant?.displayName ?? '') : undefined,
      labels: fields.has('labels') ? (tenant?.labels ?? {}) : undefined,
      revision: tenant?.etag || undefined,
    });
    return toTenantMessage(updated);
  }

  async activateTenant(_request: tenants.ActivateTenantRequest, call: Call) {
    checkFromAbove(call.principal.tenant, call.tenant);
    return toTenantMessage(await this.service.activate(call.tenant));
  }

  async suspendTenant({ reason }: tenants.SuspendTenantRequest, call: Call) {
    checkFromAbove(call.principal.tenant, call.tenant);
    return toTenantMessage(await this.service.suspend(call.tenant, reason));
  }
}

const states: Readonly<Record<TenantState, tenants.TenantState>> = {
  PENDING: tenants.TenantState.PENDING,
  ACTIVE: tenants.TenantState.ACTIVE,
  SUSPENDED: tenants.TenantState.SUSPENDED,
};

const nameOf = (tenant: string): string => tenants.tenantName.format({ tenant });

/** A tenant as the API shows it. */
export function toTenantMessage(tenant: Tenant): MessageInitShape<typeof tenants.TenantSchema> {
  return {
    name: nameOf(tenant.tenant),
    displayName: tenant.displayName,
    plan: tenant.plan === null ? '' : tenants.planName.format({ plan: tenant.plan }),
    labels: { ...tenant.labels },
    state: states[tenant.state],
    parent: tenant.parent === null ? '' : nameOf(tenant.parent),
    ancestors: tenant.ancestors.map(nameOf),
    createTime: timestampFromDate(tenant.createdAt),
    updateTime: timestampFromDate(tenant.updatedAt),
    etag: String(tenant.revision),
    suspensionReason: tenant.suspensionReason,
  };
}
