import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform, type Platform } from '@q2/all-in-one';
import { schedules, tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { busSchema, DatabaseBus, type BusRecord } from '@q2/events';
import type { ServiceClients } from '@q2/service-kit';
import { startTestDatabase, type TestDatabase } from '@q2/testing';
import { patiently, until } from '../demo/patience.js';
import { signIn } from '../demo/sign-in.js';
import { keyFile } from '../process/running-platform.js';

const topic = 'q2.ingress.events.v1';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('producers outside with API keys, without Kafka', () => {
  let server: TestDatabase;
  let home: string;
  let platform: Platform;
  let operator: ServiceClients;
  let database: Database;
  let bus: DatabaseBus;
  const letters: BusRecord[] = [];

  beforeAll(async () => {
    server = await startTestDatabase();
    home = await mkdtemp(join(tmpdir(), 'q2-ingress-'));
    const addresses = { GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0', LOG_LEVEL: 'silent' };
    platform = await startPlatform({ ...addresses, Q2_HOME: home, DATABASE_URL: server.url });
    operator = signIn(`127.0.0.1:${platform.process.grpcPort}`, (await readFile(keyFile(home), 'utf8')).trim());
    database = await Database.connect({ url: server.url, schema: busSchema });
    bus = new DatabaseBus({ database, log: silent, member: 'producer' });
    const handle = (records: readonly BusRecord[]) => Promise.resolve(void letters.push(...records));
    await bus.subscribe({ group: 'producer', topics: [`${topic}.dlq`], handle });
    for (const [id, above] of [
      ['acme', 'platform'],
      ['labs', 'acme'],
      ['globex', 'platform'],
    ] as const)
      await createTenant(id, above);
  }, 120_000);

  afterAll(async () => {
    await bus?.close();
    await database?.close();
    operator?.close();
    await platform?.stop();
    await server?.stop();
    await rm(home, { recursive: true, force: true });
  }, 120_000);

  async function createTenant(tenantId: string, above: string): Promise<void> {
    const service = operator.get(tenants.TenantService);
    const tenant = { displayName: tenantId, plan: 'plans/enterprise' };
    await patiently(() => service.createTenant({ parent: `tenants/${above}`, tenantId, tenant }));
    await patiently(() => service.activateTenant({ name: `tenants/${tenantId}` }));
  }

  async function keyOf(tenant: string, role: string): Promise<string> {
    const apiKey = { displayName: role, roles: [role] };
    return (await patiently(() => operator.get(tenants.AccessService).createApiKey({ parent: `tenants/${tenant}`, apiKey }))).secret;
  }

  /** Emits an event of its own type in a tenant. */
  async function send(key: string, tenant: string): Promise<{ id: string; type: string }> {
    const [id, type] = [randomUUID(), `shop.happened-${randomUUID()}`];
    const headers = {
      ...{ ce_specversion: '1.0', ce_id: id, ce_source: '/shop', ce_type: 'q2.schedules.v1.EmitEventRequest', q2_tenant: tenant },
      ...{ authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    };
    const value = Buffer.from(JSON.stringify({ event: { type } }));
    await patiently(() => bus.publish([{ topic, key: 'k', headers, value }]));
    return { id, type };
  }

  const emitted = async (tenant: string, type: string) =>
    (await operator.get(schedules.EventService).listEvents({ parent: `tenants/${tenant}`, type })).events;
  const untilEmitted = (tenant: string, type: string) =>
    until(`an event in ${tenant}`, async () => ((await emitted(tenant, type)).length === 1 ? true : undefined));
  const reasonFor = (id: string) =>
    until(`a refusal of ${id}`, () => Promise.resolve(letters.find(({ headers }) => headers['ce_id'] === id)?.headers['dlq_reason']));

  it('takes the key of a producer, in its own tenant only', async () => {
    const key = await keyOf('acme', 'producer');
    const own = await send(key, 'acme');
    await untilEmitted('acme', own.type);
    for (const tenant of ['globex', 'labs', 'platform', 'nowhere']) {
      const { id } = await send(key, tenant);
      expect(await reasonFor(id)).toBe('TENANT_NOT_REACHABLE');
    }
    expect(await emitted('globex', own.type)).toEqual([]);
    expect(JSON.stringify(letters.map(({ headers }) => headers))).not.toContain(key);
  }, 120_000);

  it('lets the admin of a tenant into those below it, where the record then counts', async () => {
    const { type } = await send(await keyOf('acme', 'admin'), 'labs');
    await untilEmitted('labs', type);
    expect(await emitted('acme', type)).toEqual([]);
  }, 120_000);

  it('refuses keys that are made up, as often as they come, and goes on with others', async () => {
    const made = Array.from({ length: 70 }, (_, index) => `q2_k${'a'.repeat(15)}_${String(index).padStart(43, 'A')}`);
    const ids: string[] = [];
    for (const key of made) ids.push((await send(key, 'acme')).id);
    const { type } = await send(await keyOf('acme', 'producer'), 'acme');
    await untilEmitted('acme', type);
    for (const id of ids) expect(await reasonFor(id)).toBe('CREDENTIAL_REFUSED');
  }, 120_000);

  it('refuses a key without the permission', async () => {
    const { id } = await send(await keyOf('acme', 'viewer'), 'acme');
    expect(await reasonFor(id)).toBe('PERMISSION_MISSING');
  }, 120_000);
});
