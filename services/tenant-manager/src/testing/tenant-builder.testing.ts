import { tenants } from '@q2/contracts';
import type { TestPlatform, TestPrincipal } from '@q2/testing';
import { eventually } from './event-recorder.testing.js';

/** Whoever runs the platform of a test. */
export const operator: TestPrincipal = { tenant: 'platform', roles: ['operator'] };

/** Creates a tenant and activates it, and waits until services have heard of that. */
export async function aTenant(
  platform: TestPlatform,
  id: string,
  wanted: { parent?: string; plan?: string } = {},
): Promise<tenants.Tenant> {
  const client = platform.client(tenants.TenantService, operator);
  const { parent = 'platform', plan = '' } = wanted;
  await client.createTenant({ parent: `tenants/${parent}`, tenantId: id, tenant: { displayName: id, plan } });
  const activated = await client.activateTenant({ name: `tenants/${id}` });
  const own = platform.client(tenants.TenantService, { tenant: id, roles: ['viewer'] });
  await eventually(() => own.getTenant({ name: activated.name }));
  return activated;
}

/** Creates a plan with these limits. */
export async function aPlan(platform: TestPlatform, id: string, limits: Record<string, bigint>): Promise<string> {
  const { name } = await platform.client(tenants.PlanService, operator).createPlan({ planId: id, plan: { displayName: id, limits } });
  return name;
}
