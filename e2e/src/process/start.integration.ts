import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { models, tenants } from '@q2/contracts';
import { embeddedPostgresUrl } from '@q2/database';
import pg from 'pg';
import { signIn } from '../demo/sign-in.js';
import { isRunning, keyFile, mustStart, startProcess, takePort, type RunningPlatform } from './running-platform.js';

describe('npm start', () => {
  let home = '';
  let platform: RunningPlatform;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-start-'));
    platform = await mustStart(home);
  }, 120_000);
  afterAll(async () => {
    await platform.end('SIGTERM');
    await rm(home, { recursive: true, force: true });
  });

  it('prints the operator key once and keeps it readable by its owner only', async () => {
    const key = (await readFile(keyFile(home), 'utf8')).trim();
    expect(platform.output()).toContain(`operator key: ${key}`);
    expect((await stat(keyFile(home))).mode & 0o777).toBe(0o600);
  });

  it('answers probes, metrics and the key set over HTTP', async () => {
    const base = `http://${platform.httpAddress}`;
    for (const path of ['/livez', '/readyz']) expect((await fetch(`${base}${path}`)).status).toBe(200);
    expect(await (await fetch(`${base}/metrics`)).text()).toContain('process_resident_memory_bytes');
    const jwks: unknown = await (await fetch(`${base}/.well-known/jwks.json`)).json();
    expect(jwks).toMatchObject({ keys: [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' }] });
  });

  it('stays under 350 MB', async () => {
    const status = await readFile(`/proc/${platform.pid}/status`, 'utf8');
    const megabytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
    console.log(`resident memory after start: ${megabytes.toFixed(0)} MB`);
    expect(megabytes).toBeLessThan(350);
  });

  it('shows its tables to psql on the printed URL', async () => {
    const client = new pg.Client({ connectionString: await embeddedPostgresUrl(join(home, 'postgres')) });
    await client.connect();
    const { rows } = await client.query<{ count: string }>(
      `select count(*) from pg_tables where schemaname in ('tenants', 'models', 'workflows')`,
    );
    await client.end();
    expect(Number(rows[0]?.count)).toBeGreaterThan(10);
  });

  it('keeps every acknowledged write through kill -9, again and again', async () => {
    const created: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const clients = signIn(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
      const service = clients.get(tenants.TenantService);
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let index = 0; ; index += 1) {
          const tenantId = `t-${round}-${writer}-${index}`;
          await service.createTenant({ parent: 'tenants/platform', tenantId, tenant: { displayName: tenantId, plan: 'plans/free' } });
          created.push(tenantId);
        }
      });
      const stopped = Promise.allSettled(writers);
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(await platform.end('SIGKILL')).toBe('SIGKILL');
      await stopped;
      clients.close();
      platform = await mustStart(home);
    }
    const clients = signIn(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
    for (const tenantId of created) await clients.get(tenants.TenantService).getTenant({ name: `tenants/${tenantId}` });
    clients.close();
    console.log(`${created.length} acknowledged writes found after three kills`);
    expect(created.length).toBeGreaterThan(10);
  }, 180_000);

  it('says in one sentence that its home is in use, and exits non-zero', async () => {
    const second = await startProcess(home);
    expect(isRunning(second)).toBe(false);
    expect(second).toMatchObject({ exitCode: 1, output: expect.stringMatching(/^q2: [^\n]+\n$/) });
  });

  it('ends cleanly on SIGINT, and shows the key no second time', async () => {
    expect(await platform.end('SIGINT')).toBe(0);
    platform = await mustStart(home);
    expect(platform.output()).not.toContain('operator key: ');
    const clients = signIn(platform.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
    await expect(clients.get(models.ModelService).listModels({ parent: 'tenants/platform' })).resolves.toMatchObject({ models: [] });
    clients.close();
  }, 120_000);
});

describe('a start that cannot be', () => {
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-fail-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const oneSentence = (about: RegExp) => expect.stringMatching(new RegExp(`^q2: [^\\n]*${about.source}[^\\n]*\\n$`));

  it('names all wrong settings and exits with 78', async () => {
    const failed = await startProcess(home, { GRPC_ADDRESS: 'nowhere', WORKFLOW_LEASE_MS: '1' });
    expect(failed).toMatchObject({ exitCode: 78, output: oneSentence(/GRPC_ADDRESS: .*WORKFLOW_LEASE_MS/) });
  });

  it.each([
    ['gRPC', 'GRPC_ADDRESS'],
    ['HTTP', 'HTTP_ADDRESS'],
  ])(
    'says that the port of %s is in use',
    async (protocol, setting) => {
      const port = await takePort();
      const failed = await startProcess(home, { [setting]: port.address });
      port.release();
      expect(failed).toMatchObject({
        exitCode: 1,
        output: oneSentence(new RegExp(`${protocol} cannot listen on ${port.address}: the port is in use`)),
      });
    },
    60_000,
  );

  it('says that its data is damaged', async () => {
    const platform = await mustStart(home);
    expect(await platform.end('SIGTERM')).toBe(0);
    const control = (await findFile(join(home, 'postgres'), 'pg_control')) ?? '';
    await writeFile(control, 'damage');
    const failed = await startProcess(home);
    expect(failed).toMatchObject({ exitCode: 1, output: oneSentence(/damaged|corrupt|control/) });
  }, 60_000);

  it('says that it may not write there', async () => {
    await writeFile(join(home, 'file'), '');
    const failed = await startProcess(join(home, 'file', 'home'));
    expect(failed).toMatchObject({ exitCode: 1, output: expect.stringMatching(/^q2: /) });
  });
});

async function findFile(folder: string, name: string): Promise<string | undefined> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && entry.name === name);
  return found && join(found.parentPath, name);
}
