import { tenants } from '@q2/contracts';
import type { TestPlatform } from './platform.js';

const operator = { tenant: 'platform', roles: ['operator'] };

/** A tenant to be: `await aTenant('acme').onPlan('free').below('parent').createIn(platform)`. Needs tenant-manager. */
class TenantBuilder {
  private plan = 'enterprise';
  private parent = 'platform';

  constructor(private readonly id: string) {}

  onPlan(plan: string): this {
    this.plan = plan;
    return this;
  }

  below(parent: string): this {
    this.parent = parent;
    return this;
  }

  /** Creates and activates it; gives its resource name. */
  async createIn(platform: TestPlatform): Promise<string> {
    const service = platform.client(tenants.TenantService, operator);
    const { id, plan, parent } = this;
    const tenant = { displayName: id, plan: `plans/${plan}` };
    const { name } = await service.createTenant({ parent: `tenants/${parent}`, tenantId: id, tenant });
    await service.activateTenant({ name });
    return name;
  }
}

/** Begins a tenant; on the largest plan and at the top of the tree unless told otherwise. */
export function aTenant(id: string): TenantBuilder {
  return new TenantBuilder(id);
}
