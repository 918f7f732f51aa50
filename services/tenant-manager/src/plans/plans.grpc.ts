import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { idCursor } from '../cursors.js';
import { checkFromAbove, updatedFields } from '../tenants/tenant.js';
import { toTenantMessage } from '../tenants/tenants.grpc.js';
import type { Limits, Plan } from './plan.js';
import { PlansService } from './plans.service.js';

/** Serves `q2.tenants.v1.PlanService`. */
@Injectable()
export class PlansGrpc implements ServiceImpl<typeof tenants.PlanService> {
  constructor(@Inject(PlansService) private readonly service: PlansService) {}

  async createPlan({ planId, plan }: tenants.CreatePlanRequest, call: Call) {
    const wanted = { plan: planId, displayName: plan?.displayName ?? '', limits: toLimits(plan?.limits ?? {}) };
    return toPlanMessage(await this.service.create(call.tenant, wanted));
  }

  async getPlan({ name }: tenants.GetPlanRequest, call: Call) {
    return toPlanMessage(await this.service.get(call.tenant, tenants.planName.parse(name).plan));
  }

  async listPlans(request: tenants.ListPlansRequest, call: Call) {
    const size = pageSizeOf(request);
    const after = decodePage(request.pageToken, idCursor) ?? '';
    const found = await this.service.list(call.tenant, { size: size + 1, after });
    const page = found.slice(0, size);
    return { plans: page.map(toPlanMessage), nextPageToken: found.length > size ? encodePage(page.at(-1)?.plan ?? '') : '' };
  }

  async updatePlan({ plan, updateMask }: tenants.UpdatePlanRequest, call: Call) {
    if (!plan?.name) throw InvalidArgument.field('plan.name', 'must name the plan to change, plans/{plan}');
    const fields = updatedFields(updateMask?.paths ?? [], ['display_name', 'limits']);
    const updated = await this.service.update(call.tenant, tenants.planName.parse(plan.name, 'plan.name').plan, {
      displayName: fields.has('display_name') ? plan.displayName : undefined,
      limits: fields.has('limits') ? toLimits(plan.limits) : undefined,
      revision: plan.etag || undefined,
    });
    return toPlanMessage(updated);
  }

  async changeTenantPlan({ plan }: tenants.ChangeTenantPlanRequest, call: Call) {
    checkFromAbove(call.principal.tenant, call.tenant);
    return toTenantMessage(await this.service.changeTenantPlan(call.tenant, tenants.planName.parse(plan, 'plan').plan));
  }
}

/** The contract bounds limits to what numbers hold exactly. */
function toLimits(limits: Readonly<Record<string, bigint>>): Limits {
  return Object.fromEntries(Object.entries(limits).map(([resource, limit]) => [resource, Number(limit)]));
}

function toPlanMessage(plan: Plan): MessageInitShape<typeof tenants.PlanSchema> {
  return {
    name: tenants.planName.format({ plan: plan.plan }),
    displayName: plan.displayName,
    limits: Object.fromEntries(Object.entries(plan.limits).map(([resource, limit]) => [resource, BigInt(limit)])),
    createTime: timestampFromDate(plan.createdAt),
    updateTime: timestampFromDate(plan.updatedAt),
    etag: String(plan.revision),
  };
}
