import { tenantEvents, tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { ResourceExhausted } from '@q2/errors';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { tenantsSchema } from '../schema.js';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { EventRecorder, EventRecorderModule, eventually } from '../testing/event-recorder.testing.js';
import { aPlan, aTenant, operator } from '../testing/tenant-builder.testing.js';
import { LimitAnnouncer } from './limit-announcer.service.js';
import { QuotasService } from './quotas.service.js';

let platform: TestPlatform;
const quotas = () => platform.client(tenants.QuotaService, operator);
const plans = () => platform.client(tenants.PlanService, operator);
const reasonIs = (reason: string) => expect.objectContaining({ reason });
const holder = (tenant: string, id: string | number) => `tenants/${tenant}/models/m-${id}`;
const acquire = (tenant: string, id: string | number, amount = 1n, resource = 'models') =>
  quotas().acquire({ parent: `tenants/${tenant}`, resource, amount, holder: holder(tenant, id) });
const usageOf = async (tenant: string, resource = 'models') => {
  const { usage } = await quotas().listUsage({ parent: `tenants/${tenant}` });
  return usage.find((each) => each.resource === resource);
};

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule, EventRecorderModule], environment: { DATABASE_POOL_SIZE: '10' } });
});
afterAll(() => platform.stop());

describe('Acquire', () => {
  it('reserves once for each holder, however often it is asked', async () => {
    await aTenant(platform, 'acq-1');
    const first = await acquire('acq-1', 1, 3n);
    expect(first).toMatchObject({ tenant: 'tenants/acq-1', resource: 'models', holder: holder('acq-1', 1), amount: 3n });
    expect(await acquire('acq-1', 1, 3n)).toEqual(first);
    await expect(acquire('acq-1', 1, 4n)).rejects.toThrow(reasonIs('RESERVATION_DIFFERS'));
    expect(await usageOf('acq-1')).toMatchObject({ used: 3n, own: 3n, limit: 10n });
  });

  it('refuses beyond the limit, naming who binds, and reserves nothing then', async () => {
    const plan = await aPlan(platform, 'acq-2-plan', { models: 5n });
    await aTenant(platform, 'acq-2', { plan });
    await aTenant(platform, 'acq-2-eu', { parent: 'acq-2', plan: 'plans/enterprise' });
    await acquire('acq-2', 1, 2n);
    await acquire('acq-2-eu', 1, 3n);
    const refused = await acquire('acq-2-eu', 2).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ResourceExhausted);
    expect(refused).toMatchObject({
      reason: 'QUOTA_EXCEEDED',
      metadata: { tenant: 'acq-2', resource: 'models', limit: '5', used: '5', amount: '1' },
    });
    expect(await usageOf('acq-2-eu')).toMatchObject({ used: 3n });
    expect(await usageOf('acq-2')).toMatchObject({ used: 5n, own: 2n });
  });

  it('grants exactly the limit to many that ask at once', async () => {
    const plan = await aPlan(platform, 'acq-3-plan', { models: 20n });
    await aTenant(platform, 'acq-3', { plan });
    const asked = await Promise.allSettled(Array.from({ length: 64 }, (_, id) => acquire('acq-3', id)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    expect(await usageOf('acq-3')).toMatchObject({ used: 20n, own: 20n });
  });

  it('never exceeds the limit of any tenant of a tree that all acquire and release in at once', async () => {
    const [top, middle] = [await aPlan(platform, 'acq-4-top', { models: 20n }), await aPlan(platform, 'acq-4-middle', { models: 15n })];
    await aTenant(platform, 'acq-4', { plan: top });
    for (const id of ['acq-4-a', 'acq-4-b']) await aTenant(platform, id, { parent: 'acq-4', plan: middle });
    await aTenant(platform, 'acq-4-a-x', { parent: 'acq-4-a', plan: middle });
    const members = ['acq-4', 'acq-4-a', 'acq-4-b', 'acq-4-a-x'];
    const everyone = Array.from({ length: 128 }, (_, id) => ({ id, tenant: members[id % members.length] ?? '' }));
    const asked = await Promise.allSettled(everyone.map(({ id, tenant }) => acquire(tenant, id)));
    const refusals = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refusals).toEqual(Array.from({ length: 108 }, () => reasonIs('QUOTA_EXCEEDED')));
    expect(await usageOf('acq-4')).toMatchObject({ used: 20n });
    const release = (tenant: string, id: number) =>
      quotas().release({ parent: `tenants/${tenant}`, resource: 'models', holder: holder(tenant, id) });
    await Promise.allSettled(everyone.map(({ id, tenant }) => (id % 2 === 0 ? release(tenant, id) : acquire(tenant, id))));
    const usages = await Promise.all(members.map((tenant) => usageOf(tenant)));
    const [all = 0, a = 0, b = 0, x = 0] = usages.map((usage) => Number(usage?.used));
    const [ownAll = 0, ownA = 0] = usages.map((usage) => Number(usage?.own));
    expect([all, a]).toEqual([ownAll + a + b, ownA + x]);
    expect(all).toBeLessThanOrEqual(20);
    expect(Math.max(a, b, x)).toBeLessThanOrEqual(15);
  });

  it('counts no more than numbers hold, even where nothing is limited', async () => {
    await aTenant(platform, 'acq-5', { plan: 'plans/enterprise' });
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    await acquire('acq-5', 1, most, 'storage_bytes');
    await expect(acquire('acq-5', 2, 1n, 'storage_bytes')).rejects.toThrow(
      expect.objectContaining({ reason: 'QUOTA_EXCEEDED', metadata: expect.objectContaining({ tenant: 'acq-5', used: String(most) }) }),
    );
  });

  it('lets the platform itself hold without limit', async () => {
    await acquire('platform', 'acq-6', 1_000n);
    expect(await usageOf('platform')).toMatchObject({ own: 1_000n });
    expect((await usageOf('platform'))?.limit).toBeUndefined();
  });

  it('is not for a tenant that tenant-manager does not know', async () => {
    const unknown = { tenant: 'acq-none', resource: 'models', holder: 'tenants/acq-none/models/m', amount: 1 };
    await expect(platform.get(QuotasService).acquire(unknown)).rejects.toThrow(reasonIs('TENANT_NOT_FOUND'));
  });
});

describe('Release', () => {
  it('gives back all that the holder has, up the tree, and nothing the second time', async () => {
    await aTenant(platform, 'rel-1');
    await aTenant(platform, 'rel-1-eu', { parent: 'rel-1' });
    await acquire('rel-1-eu', 1, 4n);
    const request = { parent: 'tenants/rel-1-eu', resource: 'models', holder: holder('rel-1-eu', 1) };
    expect(await quotas().release(request)).toMatchObject({ released: 4n });
    expect(await quotas().release(request)).toMatchObject({ released: 0n });
    expect(await usageOf('rel-1')).toMatchObject({ used: 0n });
    expect(await acquire('rel-1-eu', 1, 5n)).toMatchObject({ amount: 5n });
  });
});

describe('CheckLimit', () => {
  it('tells whether more fits and who binds, and reserves nothing', async () => {
    const plan = await aPlan(platform, 'chk-plan', { models: 5n });
    await aTenant(platform, 'chk-1', { plan });
    await aTenant(platform, 'chk-1-eu', { parent: 'chk-1', plan: 'plans/starter' });
    await acquire('chk-1', 1, 3n);
    const check = (amount: bigint, resource = 'models') => quotas().checkLimit({ parent: 'tenants/chk-1-eu', resource, amount });
    expect(await check(2n)).toMatchObject({ allowed: true, used: 3n, limit: 5n, bindingTenant: 'tenants/chk-1' });
    expect(await check(3n)).toMatchObject({ allowed: false, used: 3n, limit: 5n });
    expect(await check(1n, 'schedules')).toMatchObject({ allowed: true, limit: 50n, bindingTenant: 'tenants/chk-1-eu' });
    expect(await usageOf('chk-1')).toMatchObject({ used: 3n });
  });

  it('allows everything where nobody on the path is limited', async () => {
    await aTenant(platform, 'chk-2', { plan: 'plans/enterprise' });
    const answer = await quotas().checkLimit({ parent: 'tenants/chk-2', resource: 'gpus', amount: 1_000_000n });
    expect(answer).toMatchObject({ allowed: true, bindingTenant: '' });
    expect(answer.limit).toBeUndefined();
  });
});

describe('ListUsage', () => {
  it('shows every resource that can be held, page by page', async () => {
    await aTenant(platform, 'use-1');
    const first = await quotas().listUsage({ parent: 'tenants/use-1', pageSize: 6 });
    const second = await quotas().listUsage({ parent: 'tenants/use-1', pageSize: 6, pageToken: first.nextPageToken });
    expect([...first.usage, ...second.usage].map(({ resource }) => resource)).toEqual(
      expect.arrayContaining(['experiments', 'models', 'storage_bytes']),
    );
    expect([first.usage.length, second.usage.length, second.nextPageToken]).toEqual([6, 5, '']);
  });

  it('adds up what the whole platform uses for the root', async () => {
    const before = (await usageOf('platform', 'gpus'))?.used ?? 0n;
    await aTenant(platform, 'use-2', { plan: 'plans/professional' });
    await aTenant(platform, 'use-2-eu', { parent: 'use-2' });
    await acquire('use-2-eu', 1, 2n, 'gpus');
    expect(await usageOf('platform', 'gpus')).toMatchObject({ used: before + 2n, own: 0n });
  });
});

describe('ChangeTenantPlan', () => {
  const change = (tenant: string, plan: string) => plans().changeTenantPlan({ name: `tenants/${tenant}`, plan });

  it('holds at once, and is announced', async () => {
    const plan = await aPlan(platform, 'chg-plan', { models: 1n });
    await aTenant(platform, 'chg-1', { plan });
    await acquire('chg-1', 1);
    await expect(acquire('chg-1', 2)).rejects.toThrow(reasonIs('QUOTA_EXCEEDED'));
    expect((await change('chg-1', 'plans/starter')).plan).toBe('plans/starter');
    await acquire('chg-1', 2);
    const announced = () => platform.get(EventRecorder).find(tenantEvents.PlanChangedSchema, 'tenants/chg-1');
    await eventually(() => expect(announced()).toMatchObject([{ tenant: 'chg-1', previousPlan: plan, plan: 'plans/starter' }]));
  });

  it('is refused below what is used, by children too, with the excess named', async () => {
    const plan = await aPlan(platform, 'chg-2-plan', { models: 2n, schedules: 0n });
    await aTenant(platform, 'chg-2', { plan: 'plans/starter' });
    await aTenant(platform, 'chg-2-eu', { parent: 'chg-2' });
    await acquire('chg-2-eu', 1, 3n);
    await acquire('chg-2', 1, 4n, 'schedules');
    await expect(change('chg-2', plan)).rejects.toThrow(
      expect.objectContaining({
        reason: 'USE_EXCEEDS_PLAN',
        metadata: { tenant: 'chg-2', plan: 'chg-2-plan', models: '3/2', schedules: '4/0' },
      }),
    );
  });

  it('never leaves more in use than the new plan allows, whoever acquires meanwhile', async () => {
    const plan = await aPlan(platform, 'chg-3-plan', { models: 3n });
    for (let round = 0; round < 5; round += 1) {
      const tenant = `chg-3-${round}`;
      await aTenant(platform, tenant, { plan: 'plans/starter' });
      const changes = [...Array.from({ length: 8 }, (_, id) => acquire(tenant, id)), change(tenant, plan)];
      const [...settled] = await Promise.allSettled(changes);
      const isChanged = settled.at(-1)?.status === 'fulfilled';
      expect(Number((await usageOf(tenant))?.used)).toBeLessThanOrEqual(isChanged ? 3 : 8);
    }
  });

  it('is decided from above, between plans that exist, and not for the root', async () => {
    await aTenant(platform, 'chg-4');
    const own = platform.client(tenants.PlanService, { tenant: 'chg-4', roles: ['admin'] });
    await expect(own.changeTenantPlan({ name: 'tenants/chg-4', plan: 'plans/enterprise' })).rejects.toThrow(reasonIs('ONLY_FROM_ABOVE'));
    await expect(change('chg-4', 'plans/none')).rejects.toThrow(reasonIs('PLAN_NOT_FOUND'));
    await expect(change('platform', 'plans/free')).rejects.toThrow(reasonIs('ROOT_TENANT_FIXED'));
  });
});

describe('LimitApproaching', () => {
  const marks = (tenant: string) => platform.get(EventRecorder).find(tenantEvents.LimitApproachingSchema, `tenants/${tenant}`);

  it('is announced at 80, 90 and 100 %, to the tenant whose limit it is, and once for each', async () => {
    const plan = await aPlan(platform, 'lim-plan', { models: 10n });
    await aTenant(platform, 'lim-1', { plan });
    await aTenant(platform, 'lim-1-eu', { parent: 'lim-1', plan: 'plans/starter' });
    for (const [id, amount] of [
      [1, 7n],
      [2, 1n],
      [3, 1n],
      [4, 1n],
    ] as const)
      await acquire('lim-1-eu', id, amount);
    await eventually(() => expect(marks('lim-1')).toHaveLength(3));
    expect(marks('lim-1').map(({ thresholdPercent, used, limit, publishedFor }) => [thresholdPercent, used, limit, publishedFor])).toEqual([
      [80, 8n, 10n, 'lim-1'],
      [90, 9n, 10n, 'lim-1'],
      [100, 10n, 10n, 'lim-1'],
    ]);
    expect(marks('lim-1-eu')).toEqual([]);
  });

  it('is announced at the next start where a crash came between', async () => {
    await aTenant(platform, 'lim-2');
    const database = await Database.connect({ url: platform.databaseUrl, schema: tenantsSchema, poolSize: 1 });
    await database.inTenant('lim-2', (tx) =>
      tx.execute(
        `insert into limit_crossings (tenant_id, resource, used, limit_amount, threshold_percent) values ('lim-2', 'models', 8, 10, 80)`,
      ),
    );
    await database.close();
    const announcer = platform.get(LimitAnnouncer);
    announcer.onApplicationBootstrap();
    await announcer.settled();
    await eventually(() => expect(marks('lim-2')).toMatchObject([{ thresholdPercent: 80 }]));
  });
});
