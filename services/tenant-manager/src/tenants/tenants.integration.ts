import { randomUUID } from 'node:crypto';
import { tenants, tenantEvents } from '@q2/contracts';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { EventRecorder, EventRecorderModule, eventually } from '../testing/event-recorder.testing.js';
import { aTenant, operator } from '../testing/tenant-builder.testing.js';

let platform: TestPlatform;
const client = (as: Parameters<TestPlatform['client']>[1] = operator) => platform.client(tenants.TenantService, as);
const reasonIs = (reason: string) => expect.objectContaining({ reason });

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule, EventRecorderModule] });
});
afterAll(() => platform.stop());

describe('CreateTenant', () => {
  it('creates a tenant, PENDING, on the plan asked for', async () => {
    const created = await client().createTenant({
      parent: 'tenants/platform',
      tenantId: 'create-1',
      tenant: { displayName: 'One', plan: 'plans/starter', labels: { team: 'blue' } },
    });
    expect(created).toMatchObject({
      name: 'tenants/create-1',
      displayName: 'One',
      plan: 'plans/starter',
      labels: { team: 'blue' },
      state: tenants.TenantState.PENDING,
      parent: 'tenants/platform',
      ancestors: ['tenants/platform'],
      etag: '1',
    });
    expect(await client().getTenant({ name: 'tenants/create-1' })).toEqual(created);
  });

  it('answers a repeated request as the first, and refuses the id to another', async () => {
    const request = { parent: 'tenants/platform', tenantId: 'create-2', tenant: { displayName: 'Two' }, requestId: randomUUID() };
    const first = await client().createTenant(request);
    expect(await client().createTenant(request)).toEqual(first);
    await expect(client().createTenant({ ...request, requestId: randomUUID() })).rejects.toThrow(reasonIs('TENANT_EXISTS'));
  });

  it('inherits the plan of the parent, and knows all above it', async () => {
    await aTenant(platform, 'create-3', { plan: 'plans/professional' });
    await aTenant(platform, 'create-3-eu', { parent: 'create-3' });
    const deepest = await aTenant(platform, 'create-3-eu-lab', { parent: 'create-3-eu' });
    expect(deepest).toMatchObject({
      plan: 'plans/professional',
      ancestors: ['tenants/platform', 'tenants/create-3', 'tenants/create-3-eu'],
    });
  });

  it('puts a tenant of the top level on the free plan where none is named', async () => {
    expect((await aTenant(platform, 'create-4')).plan).toBe('plans/free');
  });

  it('refuses reserved ids, blank names, plans that are not there, and parents that are not active', async () => {
    const create = (tenantId: string, tenant: object, parent = 'tenants/platform') => client().createTenant({ parent, tenantId, tenant });
    await expect(create('platform', { displayName: 'P' })).rejects.toThrow(/tenant_id: 'platform' is reserved/);
    await expect(create('create-5', { displayName: ' ' })).rejects.toThrow(/tenant\.display_name/);
    await expect(create('create-5', { displayName: 'P', plan: 'plans/none' })).rejects.toThrow(reasonIs('PLAN_NOT_FOUND'));
    await create('create-5', { displayName: 'Pending' });
    await expect(create('create-5-eu', { displayName: 'P' }, 'tenants/create-5')).rejects.toThrow(reasonIs('TENANT_NOT_ACTIVE'));
  });
});

describe('the states of a tenant', () => {
  it('go from PENDING to ACTIVE to SUSPENDED and back, each announced with all above it', async () => {
    await aTenant(platform, 'states-1');
    await aTenant(platform, 'states-1-eu', { parent: 'states-1' });
    const suspended = await client().suspendTenant({ name: 'tenants/states-1-eu', reason: 'unpaid' });
    expect(suspended).toMatchObject({ state: tenants.TenantState.SUSPENDED, suspensionReason: 'unpaid' });
    expect(await client().activateTenant({ name: 'tenants/states-1-eu' })).toMatchObject({
      state: tenants.TenantState.ACTIVE,
      suspensionReason: '',
    });
    const path = { tenant: 'states-1-eu', ancestors: ['platform', 'states-1'] };
    const events = platform.get(EventRecorder);
    const key = 'tenants/states-1-eu';
    await eventually(() => expect(events.find(tenantEvents.TenantActivatedSchema, key)).toHaveLength(2));
    expect(events.find(tenantEvents.TenantCreatedSchema, key)).toMatchObject([{ ...path, state: 'PENDING', publishedFor: 'states-1' }]);
    expect(events.find(tenantEvents.TenantActivatedSchema, key)).toMatchObject([path, path]);
    expect(events.find(tenantEvents.TenantSuspendedSchema, key)).toMatchObject([{ ...path, state: 'SUSPENDED', reason: 'unpaid' }]);
  });

  it('refuses what is not allowed, naming what is', async () => {
    await client().createTenant({ parent: 'tenants/platform', tenantId: 'states-2', tenant: { displayName: 'S' } });
    await expect(client().suspendTenant({ name: 'tenants/states-2' })).rejects.toThrow(
      /PENDING and cannot become SUSPENDED; from PENDING it can become ACTIVE/,
    );
    await expect(client().suspendTenant({ name: 'tenants/platform' })).rejects.toThrow(reasonIs('ROOT_TENANT_FIXED'));
  });

  it('are decided from above: no tenant activates or suspends itself', async () => {
    await aTenant(platform, 'states-3');
    const own = client({ tenant: 'states-3', roles: ['admin'] });
    await expect(own.suspendTenant({ name: 'tenants/states-3' })).rejects.toThrow(reasonIs('ONLY_FROM_ABOVE'));
    await expect(own.activateTenant({ name: 'tenants/states-3' })).rejects.toThrow(reasonIs('ONLY_FROM_ABOVE'));
    await aTenant(platform, 'states-3-eu', { parent: 'states-3' });
    expect((await own.suspendTenant({ name: 'tenants/states-3-eu' })).state).toBe(tenants.TenantState.SUSPENDED);
  });

  it('stop the work of the tenants below a suspended one, and admit it again afterwards', async () => {
    await aTenant(platform, 'states-4');
    await aTenant(platform, 'states-4-eu', { parent: 'states-4' });
    const child = client({ tenant: 'states-4-eu', roles: ['viewer'] });
    await client().suspendTenant({ name: 'tenants/states-4' });
    await eventually(async () => expect(child.getTenant({ name: 'tenants/states-4-eu' })).rejects.toThrow(reasonIs('TENANT_NOT_ACTIVE')));
    await client().activateTenant({ name: 'tenants/states-4' });
    await eventually(async () => expect((await child.getTenant({ name: 'tenants/states-4-eu' })).name).toBe('tenants/states-4-eu'));
  });
});

describe('UpdateTenant', () => {
  it('changes the fields that the mask names, and no others', async () => {
    const { etag } = await aTenant(platform, 'update-1');
    const tenant = { name: 'tenants/update-1', displayName: 'New', labels: { a: 'b' }, etag };
    const updated = await client().updateTenant({ tenant, updateMask: { paths: ['labels'] } });
    expect(updated).toMatchObject({ displayName: 'update-1', labels: { a: 'b' } });
    const named = { name: 'tenants/update-1', displayName: 'New' };
    expect(await client().updateTenant({ tenant: named, updateMask: { paths: ['display_name'] } })).toMatchObject({
      displayName: 'New',
      labels: { a: 'b' },
    });
    await expect(client().updateTenant({ tenant, updateMask: { paths: ['labels'] } })).rejects.toThrow(reasonIs('TENANT_CHANGED'));
  });

  it('refuses blank names and fields that have methods of their own', async () => {
    await aTenant(platform, 'update-2');
    const update = (displayName: string, path: string) =>
      client().updateTenant({ tenant: { name: 'tenants/update-2', displayName }, updateMask: { paths: [path] } });
    await expect(update('', 'display_name')).rejects.toThrow(/tenant\.display_name/);
    await expect(update('X', 'plan')).rejects.toThrow(/update_mask: cannot name 'plan'/);
  });
});

describe('what a tenant sees', () => {
  it('is itself and its direct children, page by page', async () => {
    await aTenant(platform, 'sees-1');
    for (const id of ['sees-1-a', 'sees-1-b', 'sees-1-c']) await aTenant(platform, id, { parent: 'sees-1' });
    await aTenant(platform, 'sees-1-a-x', { parent: 'sees-1-a' });
    const own = client({ tenant: 'sees-1', roles: ['viewer'] });
    const first = await own.listTenants({ parent: 'tenants/sees-1', pageSize: 2 });
    const second = await own.listTenants({ parent: 'tenants/sees-1', pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.tenants, ...second.tenants].map(({ name }) => name)).toEqual([
      'tenants/sees-1-a',
      'tenants/sees-1-b',
      'tenants/sees-1-c',
    ]);
    expect(second.nextPageToken).toBe('');
  });

  it('never is a tenant above it or beside it', async () => {
    await aTenant(platform, 'sees-2');
    await aTenant(platform, 'sees-3');
    const own = client({ tenant: 'sees-2', roles: ['admin'] });
    await expect(own.getTenant({ name: 'tenants/sees-3' })).rejects.toThrow(reasonIs('TENANT_NOT_REACHABLE'));
    await expect(own.getTenant({ name: 'tenants/platform' })).rejects.toThrow(reasonIs('TENANT_NOT_REACHABLE'));
    await expect(client().getTenant({ name: 'tenants/sees-none' })).rejects.toThrow(reasonIs('TENANT_NOT_FOUND'));
  });

  it('shows the root without plan and parent', async () => {
    expect(await client().getTenant({ name: 'tenants/platform' })).toMatchObject({
      plan: '',
      parent: '',
      ancestors: [],
      state: tenants.TenantState.ACTIVE,
    });
  });
});
