import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { models, tenants } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { z } from 'zod';
import { signIn } from '../demo/sign-in.js';
import { keyFile, mustStart, type RunningPlatform } from '../process/running-platform.js';
import { StockTool } from '../stock-clients/stock-tool.js';
import { documentedCommands, npmStandIn, runCommands } from './documented-commands.js';

const content = randomBytes(200_000);
const version = 'tenants/kept/models/churn/versions/1.0.0';

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A write that the platform acknowledged. */
interface Acknowledged {
  readonly name: string;
  readonly requestId: string;
}

async function createTenant(clients: ServiceClients, id: string): Promise<Acknowledged> {
  const tenant = { displayName: id, plan: 'plans/professional' };
  const requestId = randomUUID();
  const service = clients.get(tenants.TenantService);
  const { name } = await service.createTenant({ parent: 'tenants/platform', tenantId: id, tenant, requestId });
  return { name, requestId };
}

/** A tenant with a model version whose artifact is stored. */
async function storeModel(clients: ServiceClients): Promise<void> {
  await createTenant(clients, 'kept');
  await clients.get(tenants.TenantService).activateTenant({ name: 'tenants/kept', requestId: randomUUID() });
  const modelService = clients.get(models.ModelService);
  const model = { parent: 'tenants/kept', modelId: 'churn', model: {}, requestId: randomUUID() };
  // The other services hear of the new tenant a moment later.
  await until(() => modelService.createModel(model).catch(() => undefined));
  await modelService.createVersion({ parent: 'tenants/kept/models/churn', versionId: '1.0.0', version: {}, requestId: randomUUID() });
  await clients.get(models.ArtifactService).uploadArtifactStream(parts());
}

async function* parts() {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const header = { name: `${version}/artifacts/weights.bin`, sha256, sizeBytes: BigInt(content.byteLength) };
  yield await Promise.resolve({ part: { case: 'header' as const, value: header } });
  yield { part: { case: 'chunk' as const, value: content } };
}

/** How often each request is in the audit log: the effect of an event. */
async function auditedRequests(clients: ServiceClients): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let pageToken = '';
  do {
    const page = await clients.get(tenants.AuditService).listEntries({ parent: 'tenants/platform', pageSize: 1_000, pageToken });
    for (const { contentJson } of page.entries) {
      const { requestId } = z.object({ requestId: z.string().default('') }).parse(JSON.parse(contentJson));
      if (requestId !== '') counts.set(requestId, (counts.get(requestId) ?? 0) + 1);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return counts;
}

describe('the documented backup of a platform that runs', () => {
  let folder = '';
  let hasPsql = true;
  let platform: RunningPlatform | undefined;
  let restored: RunningPlatform | undefined;
  let clients: ServiceClients;
  const before: Acknowledged[] = [];

  beforeAll(async () => {
    hasPsql = (await StockTool.find('psql')) !== undefined;
    if (!hasPsql) return;
    folder = await mkdtemp(join(tmpdir(), 'q2-backup-'));
    const [home, backup] = [join(folder, 'home'), join(folder, 'backup')];
    platform = await mustStart(home);
    const source = signIn(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
    await storeModel(source);
    for (let index = 0; index < 10; index += 1) before.push(await createTenant(source, `before-${index}`));
    // Events are on their way while the copy is made, and changes go on.
    let isWriting = true;
    const writing = (async () => {
      for (let index = 0; isWriting; index += 1) await createTenant(source, `meanwhile-${index}`);
    })();
    const [save = '', restore = ''] = await documentedCommands(
      'docs/guides/operators.md',
      '### With the embedded PostgreSQL, while it runs',
    );
    const path = await npmStandIn(join(folder, 'bin'));
    const environment = { Q2_HOME: home, backup, restored: join(folder, 'restored') };
    await runCommands(save, path, environment);
    isWriting = false;
    await writing;
    source.close();
    await platform.end('SIGKILL');
    // Lost at one stroke: the database's processes may still be ending in it.
    await rename(home, join(folder, 'lost'));
    await runCommands(restore, path, environment);
    restored = await mustStart(environment.restored);
    clients = signIn(restored.grpcAddress, (await readFile(keyFile(environment.restored), 'utf8')).trim());
  }, 600_000);
  afterAll(async () => {
    if (!hasPsql) return;
    await platform?.end('SIGKILL');
    await restored?.end('SIGTERM');
    if (restored) clients.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }, 120_000);

  it('brings back all that was acknowledged before it began', async () => {
    if (!hasPsql) return;
    const service = clients.get(tenants.TenantService);
    for (const { name } of before) expect((await service.getTenant({ name })).name).toBe(name);
    expect((await clients.get(models.ModelService).getVersion({ name: version })).name).toBe(version);
  });

  it('brings back files of models as they were', async () => {
    if (!hasPsql) return;
    const hash = createHash('sha256');
    const stream = clients.get(models.ArtifactService).downloadArtifactStream({ name: `${version}/artifacts/weights.bin` });
    for await (const { part } of stream) if (part.case === 'chunk') hash.update(part.value);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
  });

  it('has events go on, each with one effect, and the audit log intact', async () => {
    if (!hasPsql) return;
    const after = await createTenant(clients, 'afterwards');
    const counts = await until(async () => {
      const found = await auditedRequests(clients);
      return [...before, after].every(({ requestId }) => found.has(requestId)) ? found : undefined;
    });
    expect([...counts.values()].filter((count) => count !== 1)).toEqual([]);
    const { intact } = await clients.get(tenants.AuditService).verifyLog({ parent: 'tenants/platform' });
    expect(intact).toBe(true);
  }, 120_000);
});
