import { durationFromMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { tenantEvents, tenants } from '@q2/contracts';
import { TokenVerifier } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform, type TestPrincipal } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { EventRecorder, EventRecorderModule, eventually } from '../testing/event-recorder.testing.js';
import { aTenant, operator } from '../testing/tenant-builder.testing.js';
import { TestClock } from '../testing/test-clock.testing.js';

let platform: TestPlatform;
let verifier: TokenVerifier;
const clock = new TestClock();
const access = (as?: TestPrincipal) => platform.client(tenants.AccessService, as);
const reasonIs = (reason: string) => expect.objectContaining({ reason });
const hourMs = 3_600_000;

/** Creates a key in a tenant, as its admin. */
const aKey = (tenant: string, roles: string[] = ['editor'], as: TestPrincipal = { tenant, roles: ['admin'] }) =>
  access(as).createApiKey({ parent: `tenants/${tenant}`, apiKey: { displayName: 'key', roles } });
const exchange = (apiKey: string) => access().issueToken({ credential: { case: 'apiKey', value: apiKey } });
const nameOf = (credential: tenants.ApiKeyCredential): string => credential.apiKey?.name ?? '';

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule, EventRecorderModule], clock });
  verifier = new TokenVerifier(
    () => access().getJwks({}),
    () => clock.now().getTime(),
  );
});
afterAll(() => platform.stop());

describe('a key', () => {
  it('exchanges for a token that says who bears it', async () => {
    await aTenant(platform, 'key-1');
    const created = await aKey('key-1', ['editor', 'viewer', 'editor']);
    expect(created.apiKey).toMatchObject({
      roles: ['editor', 'viewer'],
      state: tenants.ApiKeyState.ACTIVE,
      creator: 'tenants/key-1/apiKeys/test',
    });
    expect(created.secret).toMatch(/^q2_k[a-z2-7]{15}_[\w-]{43}$/);
    const issued = await exchange(created.secret);
    expect(issued).toMatchObject({ tokenType: 'Bearer', expiresIn: { seconds: 900n } });
    const principal = await verifier.verify(issued.accessToken);
    expect(principal).toMatchObject({ id: nameOf(created), tenant: 'key-1', roles: ['editor', 'viewer'] });
    expect(principal.permissions.has('models.models.create')).toBe(true);
  });

  it('is listed without its secret, the newest first, with its last use', async () => {
    await aTenant(platform, 'key-2');
    const created = [await aKey('key-2'), await aKey('key-2'), await aKey('key-2')];
    await exchange(created[0]?.secret ?? '');
    const admin = access({ tenant: 'key-2', roles: ['admin'] });
    const first = await admin.listApiKeys({ parent: 'tenants/key-2', pageSize: 2 });
    const second = await admin.listApiKeys({ parent: 'tenants/key-2', pageSize: 2, pageToken: first.nextPageToken });
    const listed = [...first.apiKeys, ...second.apiKeys];
    expect(listed.map(({ name }) => name)).toEqual(created.map(nameOf).reverse());
    expect(listed.map(({ lastUsedTime }) => lastUsedTime !== undefined)).toEqual([false, false, true]);
  });

  it('stops at its expiry', async () => {
    await aTenant(platform, 'key-3');
    const expireTime = timestampFromDate(new Date(clock.now().getTime() + hourMs));
    const admin = access({ tenant: 'key-3', roles: ['admin'] });
    const { secret } = await admin.createApiKey({ parent: 'tenants/key-3', apiKey: { displayName: 'key', roles: ['viewer'], expireTime } });
    await exchange(secret);
    clock.advance(hourMs + 1);
    await expect(exchange(secret)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    const { apiKeys } = await admin.listApiKeys({ parent: 'tenants/key-3' });
    expect(apiKeys.map(({ state }) => state)).toEqual([tenants.ApiKeyState.EXPIRED]);
    await expect(admin.rotateApiKey({ name: apiKeys[0]?.name ?? '' })).rejects.toThrow(reasonIs('API_KEY_NOT_ACTIVE'));
  });

  it('can be rotated: both secrets work until the overlap ends, then the new one only', async () => {
    await aTenant(platform, 'key-4');
    const created = await aKey('key-4');
    const admin = access({ tenant: 'key-4', roles: ['admin'] });
    const rotated = await admin.rotateApiKey({ name: nameOf(created), overlap: durationFromMs(hourMs) });
    expect(nameOf(rotated)).toBe(nameOf(created));
    await exchange(created.secret);
    await exchange(rotated.secret);
    clock.advance(hourMs + 1);
    await expect(exchange(created.secret)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    await exchange(rotated.secret);
  });

  it('overlaps for a day unless said otherwise, and for a week at most', async () => {
    await aTenant(platform, 'key-5');
    const name = nameOf(await aKey('key-5'));
    const admin = access({ tenant: 'key-5', roles: ['admin'] });
    const { apiKey } = await admin.rotateApiKey({ name });
    const endsAt = apiKey?.previousSecretExpireTime && timestampDate(apiKey.previousSecretExpireTime).getTime();
    expect((endsAt ?? 0) - clock.now().getTime()).toBeGreaterThan(23 * hourMs);
    await expect(admin.rotateApiKey({ name, overlap: durationFromMs(7 * 24 * hourMs + 1) })).rejects.toThrow(
      /overlap: must be 0 to 7 days/,
    );
    await expect(admin.rotateApiKey({ name, overlap: durationFromMs(-1) })).rejects.toThrow(/overlap/);
    const atOnce = await admin.rotateApiKey({ name, overlap: durationFromMs(0) });
    await exchange(atOnce.secret);
  });

  it('is ended by revocation, for good and announced once', async () => {
    await aTenant(platform, 'key-6');
    const created = await aKey('key-6');
    const name = nameOf(created);
    const admin = access({ tenant: 'key-6', roles: ['admin'] });
    const revoked = await admin.revokeApiKey({ name });
    expect(revoked.state).toBe(tenants.ApiKeyState.REVOKED);
    expect(await admin.revokeApiKey({ name })).toEqual(revoked);
    await expect(exchange(created.secret)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    await eventually(() =>
      expect(platform.get(EventRecorder).find(tenantEvents.ApiKeyRevokedSchema, name)).toMatchObject([
        { apiKey: name, publishedFor: 'key-6' },
      ]),
    );
  });

  it('must have a name, a role, and an expiry to come', async () => {
    await aTenant(platform, 'key-7');
    const create = (apiKey: object) => access({ tenant: 'key-7', roles: ['admin'] }).createApiKey({ parent: 'tenants/key-7', apiKey });
    await expect(create({ roles: ['viewer'] })).rejects.toThrow(/api_key\.display_name/);
    await expect(create({ displayName: 'key' })).rejects.toThrow(/api_key\.roles/);
    const past = timestampFromDate(clock.now());
    await expect(create({ displayName: 'key', roles: ['viewer'], expireTime: past })).rejects.toThrow(/api_key\.expire_time/);
    await expect(create({ displayName: 'key', roles: ['unknown'] })).rejects.toThrow(/'unknown' is neither/);
    const missing = 'tenants/key-7/apiKeys/knone';
    await expect(access({ tenant: 'key-7', roles: ['admin'] }).revokeApiKey({ name: missing })).rejects.toThrow(
      reasonIs('API_KEY_NOT_FOUND'),
    );
  });

  it('gives no tokens while its tenant, or one above it, is suspended', async () => {
    await aTenant(platform, 'key-8');
    await aTenant(platform, 'key-8-eu', { parent: 'key-8' });
    const { secret } = await aKey('key-8-eu');
    const lifecycle = platform.client(tenants.TenantService, operator);
    await lifecycle.suspendTenant({ name: 'tenants/key-8' });
    await expect(exchange(secret)).rejects.toThrow(reasonIs('TENANT_NOT_ACTIVE'));
    await lifecycle.activateTenant({ name: 'tenants/key-8' });
    expect((await exchange(secret)).accessToken).not.toBe('');
  });
});

describe('escalation', () => {
  const denied = reasonIs('GRANT_EXCEEDS_OWN');

  it('by a key with more than its creator holds is refused', async () => {
    await aTenant(platform, 'esc-1');
    const permissions = ['tenants.apiKeys.create', 'tenants.apiKeys.rotate', 'tenants.apiKeys.revoke', 'tenants.roles.create'];
    const editor: TestPrincipal = { tenant: 'esc-1', roles: ['editor'], permissions };
    await aKey('esc-1', ['editor'], editor);
    await aKey('esc-1', ['producer'], editor);
    await expect(aKey('esc-1', ['admin'], editor)).rejects.toThrow(denied);
    await expect(aKey('esc-1', ['viewer', 'admin'], editor)).rejects.toThrow(denied);
    await expect(aKey('esc-1', ['operator'], editor)).rejects.toThrow(/'operator' is a role of keys of tenants\/platform only/);
    await expect(aKey('esc-1', ['service'], editor)).rejects.toThrow(/only the platform gives/);
  });

  it('by taking over a key that can do more is refused', async () => {
    await aTenant(platform, 'esc-2');
    const name = nameOf(await aKey('esc-2', ['admin']));
    const editor = access({ tenant: 'esc-2', roles: ['editor'], permissions: ['tenants.apiKeys.rotate', 'tenants.apiKeys.revoke'] });
    await expect(editor.rotateApiKey({ name })).rejects.toThrow(denied);
    await expect(editor.revokeApiKey({ name })).rejects.toThrow(denied);
  });

  it('by an admin of the platform to operator is refused, and operators can make operators', async () => {
    const made = await aKey('platform', ['operator'], operator);
    const admin: TestPrincipal = { tenant: 'platform', roles: ['admin'] };
    await expect(aKey('platform', ['operator'], admin)).rejects.toThrow(denied);
    await expect(access(admin).rotateApiKey({ name: nameOf(made) })).rejects.toThrow(denied);
  });

  it('by a role with permissions that its creator lacks is refused', async () => {
    await aTenant(platform, 'esc-3');
    const editor: TestPrincipal = { tenant: 'esc-3', roles: ['editor'], permissions: ['tenants.roles.create', 'tenants.apiKeys.create'] };
    const create = (roleId: string, permissions: string[], as = editor) =>
      access(as).createRole({ parent: 'tenants/esc-3', roleId, role: { displayName: roleId, permissions } });
    await create('own', ['models.models.create']);
    await expect(create('more', ['models.models.create', 'tenants.tenants.create'])).rejects.toThrow(denied);
    await create('admins', ['tenants.tenants.create'], { tenant: 'esc-3', roles: ['admin'] });
    await aKey('esc-3', ['own'], editor);
    await expect(aKey('esc-3', ['own', 'admins'], editor)).rejects.toThrow(denied);
  });

  it('by way of another tenant is refused', async () => {
    await aTenant(platform, 'esc-4');
    await aTenant(platform, 'esc-5');
    const name = nameOf(await aKey('esc-5'));
    const foreign = access({ tenant: 'esc-4', roles: ['admin'] });
    await expect(foreign.rotateApiKey({ name })).rejects.toThrow(reasonIs('TENANT_NOT_REACHABLE'));
    await expect(aKey('esc-5', ['viewer'], { tenant: 'esc-4', roles: ['admin'] })).rejects.toThrow(reasonIs('TENANT_NOT_REACHABLE'));
  });
});

describe("a tenant's own roles", () => {
  const create = (tenant: string, roleId: string, role: object) =>
    access({ tenant, roles: ['admin'] }).createRole({ parent: `tenants/${tenant}`, roleId, role });

  it('give their permissions to the tokens of keys that have them', async () => {
    await aTenant(platform, 'role-1');
    const permissions = ['models.models.get', 'models.models.create', 'models.models.get'];
    const role = await create('role-1', 'promoter', { displayName: 'Promoter', permissions });
    expect(role).toMatchObject({ name: 'tenants/role-1/roles/promoter', permissions: ['models.models.create', 'models.models.get'] });
    const { secret } = await aKey('role-1', ['promoter']);
    const principal = await verifier.verify((await exchange(secret)).accessToken);
    expect(principal.roles).toEqual([]);
    expect([...principal.permissions]).toEqual(['models.models.create', 'models.models.get']);
  });

  it('are listed by id, page by page', async () => {
    await aTenant(platform, 'role-2');
    for (const id of ['c', 'a', 'b']) await create('role-2', id, { displayName: id, permissions: ['models.models.get'] });
    const viewer = access({ tenant: 'role-2', roles: ['viewer'] });
    const first = await viewer.listRoles({ parent: 'tenants/role-2', pageSize: 2 });
    const second = await viewer.listRoles({ parent: 'tenants/role-2', pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.roles, ...second.roles].map(({ displayName }) => displayName)).toEqual(['a', 'b', 'c']);
  });

  it('must have an id of their own, a name, and permissions, and fit into a token together', async () => {
    await aTenant(platform, 'role-3');
    const role = { displayName: 'Role', permissions: ['models.models.get'] };
    await expect(create('role-3', 'admin', role)).rejects.toThrow(/role_id: 'admin' is a role of the platform/);
    await expect(create('role-3', 'role', { ...role, displayName: '' })).rejects.toThrow(/role\.display_name/);
    await expect(create('role-3', 'role', { ...role, permissions: [] })).rejects.toThrow(/role\.permissions/);
    await create('role-3', 'role', role);
    await expect(create('role-3', 'role', role)).rejects.toThrow(reasonIs('ROLE_EXISTS'));
    const all = [...(await adminPermissions())].slice(0, 60);
    for (const id of ['large-1', 'large-2']) await create('role-3', id, { displayName: id, permissions: all });
    await aKey('role-3', ['large-1']);
    await expect(aKey('role-3', ['large-1', 'large-2'])).rejects.toThrow(/may carry 100 permissions together, got 120/);
  });

  /** What an admin may do, as a token of one shows. */
  const adminPermissions = async () =>
    (await verifier.verify((await exchange((await aKey('role-3', ['admin'])).secret)).accessToken)).permissions;
});
