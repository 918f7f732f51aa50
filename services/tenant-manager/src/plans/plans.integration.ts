import { tenants } from '@q2/contracts';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { aPlan, aTenant, operator } from '../testing/tenant-builder.testing.js';

let platform: TestPlatform;
const plans = (as: Parameters<TestPlatform['client']>[1] = operator) => platform.client(tenants.PlanService, as);
const reasonIs = (reason: string) => expect.objectContaining({ reason });

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule] });
  await aTenant(platform, 'reader');
});
afterAll(() => platform.stop());

describe('the catalogue of plans', () => {
  it('comes with four, which every tenant can read, page by page', async () => {
    const reader = plans({ tenant: 'reader', roles: ['viewer'] });
    const first = await reader.listPlans({ pageSize: 3 });
    const second = await reader.listPlans({ pageSize: 3, pageToken: first.nextPageToken });
    expect([...first.plans, ...second.plans].map(({ name }) => name)).toEqual([
      'plans/enterprise',
      'plans/free',
      'plans/professional',
      'plans/starter',
    ]);
    expect(await reader.getPlan({ name: 'plans/free' })).toMatchObject({ displayName: 'Free', limits: { models: 10n }, etag: '1' });
    await expect(reader.getPlan({ name: 'plans/none' })).rejects.toThrow(reasonIs('PLAN_NOT_FOUND'));
  });

  it('is added to by operators, under an id of its own', async () => {
    const created = await plans().createPlan({ planId: 'custom', plan: { displayName: 'Custom', limits: { models: 7n } } });
    expect(created).toMatchObject({ name: 'plans/custom', displayName: 'Custom', limits: { models: 7n } });
    await expect(plans().createPlan({ planId: 'custom', plan: { displayName: 'Again' } })).rejects.toThrow(reasonIs('PLAN_EXISTS'));
    await expect(plans().createPlan({ planId: 'blank', plan: {} })).rejects.toThrow(/plan\.display_name/);
  });

  it('is not written by tenants, whatever permissions they were given', async () => {
    const admin = plans({ tenant: 'reader', roles: ['admin'] });
    await expect(admin.createPlan({ planId: 'mine', plan: { displayName: 'Mine' } })).rejects.toThrow(reasonIs('PERMISSION_MISSING'));
    const permitted = plans({ tenant: 'reader', roles: [], permissions: ['tenants.plans.create', 'tenants.plans.update'] });
    await expect(permitted.createPlan({ planId: 'mine', plan: { displayName: 'Mine' } })).rejects.toThrow(
      reasonIs('PLANS_BELONG_TO_PLATFORM'),
    );
    const change = { plan: { name: 'plans/free', displayName: 'Mine' }, updateMask: { paths: ['display_name'] } };
    await expect(permitted.updatePlan(change)).rejects.toThrow(reasonIs('PLANS_BELONG_TO_PLATFORM'));
  });
});

describe('UpdatePlan', () => {
  it('changes the fields that the mask names, for the tenants on the plan at once', async () => {
    const name = await aPlan(platform, 'updated', { models: 1n });
    await aTenant(platform, 'on-updated', { plan: name });
    const quotas = platform.client(tenants.QuotaService, operator);
    const renamed = await plans().updatePlan({
      plan: { name, displayName: 'Renamed', limits: { models: 9n } },
      updateMask: { paths: ['display_name'] },
    });
    expect(renamed).toMatchObject({ displayName: 'Renamed', limits: { models: 1n }, etag: '2' });
    await plans().updatePlan({ plan: { name, limits: { models: 2n }, etag: '2' }, updateMask: { paths: ['limits'] } });
    expect(await quotas.checkLimit({ parent: 'tenants/on-updated', resource: 'models', amount: 2n })).toMatchObject({
      allowed: true,
      limit: 2n,
    });
    await expect(plans().updatePlan({ plan: { name, etag: '2' }, updateMask: { paths: ['limits'] } })).rejects.toThrow(
      reasonIs('PLAN_CHANGED'),
    );
  });

  it('refuses a plan without name, a blank name, and a plan that is not there', async () => {
    const mask = { paths: ['display_name'] };
    await expect(plans().updatePlan({ plan: { displayName: 'X' }, updateMask: mask })).rejects.toThrow(/plan\.name/);
    await expect(plans().updatePlan({ plan: { name: 'plans/free' }, updateMask: mask })).rejects.toThrow(/plan\.display_name/);
    await expect(plans().updatePlan({ plan: { name: 'plans/none', displayName: 'X' }, updateMask: mask })).rejects.toThrow(
      reasonIs('PLAN_NOT_FOUND'),
    );
  });
});
