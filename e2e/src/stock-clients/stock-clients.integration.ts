import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allServices, tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { z } from 'zod';
import { until } from '../demo/patience.js';
import { keyFile, mustStart, type RunningPlatform } from '../process/running-platform.js';
import { StockTool } from './stock-tool.js';

const databaseUrlCommand = fileURLToPath(new URL('../../../services/all-in-one/dist/database-url.js', import.meta.url));
const keySet = z.object({ keys: z.array(z.object({ kid: z.string(), kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() })) });
const listPlans = 'q2.tenants.v1.PlanService/ListPlans';
const oneTableOfEachService = [
  'tenants.tenants',
  'models.version',
  'experiments.experiments',
  'monitoring.alerts',
  'workflows.execution',
  'schedules.trigger',
];
const health = 'grpc.health.v1.Health';

let home = '';
let operatorKey = '';
let platform: RunningPlatform;
let hasEnded = false;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'q2-stock-'));
  platform = await mustStart(join(home, 'platform'));
  operatorKey = (await readFile(keyFile(join(home, 'platform')), 'utf8')).trim();
}, 120_000);
afterAll(async () => {
  if (!hasEnded) await platform.end('SIGTERM');
  await rm(home, { recursive: true, force: true });
});

/** A test with a tool of others; where the tool is missing it says so, and fails in continuous integration. */
function itWith(toolName: string, what: string, work: (tool: StockTool) => Promise<void>): void {
  it(`${toolName} ${what}`, async () => {
    const tool = await StockTool.find(toolName);
    if (tool) await work(tool);
  });
}

describe('stock clients', () => {
  /** Calls a method without any proto file; the request and headers as grpcurl takes them. */
  const grpcurl = (tool: StockTool, method: string, options: { request?: object; token?: string } = {}) =>
    tool.run(
      '-plaintext',
      ...(options.token === undefined ? [] : ['-H', `authorization: Bearer ${options.token}`]),
      ...['-d', JSON.stringify(options.request ?? {}), platform.grpcAddress, method],
    );

  const tokenBy = async (tool: StockTool) => {
    const { stdout } = await grpcurl(tool, 'q2.tenants.v1.AccessService/IssueToken', { request: { api_key: operatorKey } });
    return z.object({ accessToken: z.string(), tokenType: z.literal('Bearer') }).parse(JSON.parse(stdout)).accessToken;
  };

  itWith('grpcurl', 'lists every service by reflection', async (tool) => {
    const { stdout, exitCode } = await tool.run('-plaintext', platform.grpcAddress, 'list');
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([health, ...allServices.map(({ typeName }) => typeName)].sort());
  });

  itWith('grpcurl', 'describes a method with its messages', async (tool) => {
    const { stdout } = await tool.run('-plaintext', platform.grpcAddress, 'describe', 'q2.models.v1.ModelService.PromoteVersion');
    expect(stdout).toContain('rpc PromoteVersion ( .q2.models.v1.PromoteVersionRequest ) returns ( .q2.models.v1.Version );');
  });

  itWith('grpcurl', 'exchanges the operator key for a token and calls with it', async (tool) => {
    const { stdout, exitCode } = await grpcurl(tool, listPlans, { token: await tokenBy(tool) });
    expect(exitCode).toBe(0);
    const { plans } = z.object({ plans: z.array(z.object({ name: z.string() })) }).parse(JSON.parse(stdout));
    expect(plans.map(({ name }) => name)).toEqual(['plans/enterprise', 'plans/free', 'plans/professional', 'plans/starter']);
  });

  itWith('grpcurl', 'is refused without a token', async (tool) => {
    const { stderr, exitCode } = await grpcurl(tool, listPlans);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('Code: Unauthenticated');
  });

  itWith('grpcurl', 'reads which field of a refused call is wrong, and why', async (tool) => {
    const { stderr, exitCode } = await grpcurl(tool, listPlans, { token: await tokenBy(tool), request: { page_size: 5_000 } });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('Code: InvalidArgument');
    expect(stderr).toMatch(/"reason": "INVALID_FIELDS"/);
    expect(stderr).toMatch(
      /google\.rpc\.BadRequest",\s+"fieldViolations": \[\s+\{\s+"field": "page_size",\s+"description": "must be at most 1000/,
    );
  });

  itWith('grpcurl', 'asks for the health of the process and of one service', async (tool) => {
    for (const service of ['', 'q2.models.v1.ServingService']) {
      const { stdout } = await grpcurl(tool, `${health}/Check`, { request: { service } });
      expect(JSON.parse(stdout)).toEqual({ status: 'SERVING' });
    }
    const { stderr } = await grpcurl(tool, `${health}/Check`, { request: { service: 'q2.nobody' } });
    expect(stderr).toContain('Code: NotFound');
  });

  itWith('openssl', 'verifies a token with the published key, and no changed one', async (tool) => {
    const token = await issuedToken();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const key = await publishedKey(z.object({ kid: z.string() }).parse(decoded(header)).kid);
    const pem = await file('key.pem', publicKeyPem(key));
    const signatureFile = await file('signature', Buffer.from(signature, 'base64url'));
    const verify = async (signed: string) =>
      tool.run(
        ...['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', pem],
        ...['-sigfile', signatureFile, '-in', await file('signed', Buffer.from(signed))],
      );
    expect(await verify(`${header}.${payload}`)).toMatchObject({ exitCode: 0, stdout: 'Signature Verified Successfully\n' });
    const claims = z.record(z.string(), z.unknown()).parse(decoded(payload));
    const changed = Buffer.from(JSON.stringify({ ...claims, tenant: 'another' })).toString('base64url');
    expect(await verify(`${header}.${changed}`)).toMatchObject({ exitCode: 1, stdout: 'Signature Verification Failure\n' });
  });

  itWith('psql', 'connects to the printed URL, and sees the tables', async (tool) => {
    const url = await printedDatabaseUrl();
    expect(await tool.run(url, '-At', '-c', 'select 1')).toMatchObject({ exitCode: 0, stdout: '1\n' });
    const { stdout } = await tool.run(url, '-At', '-c', '\\dt *.*');
    const tables = stdout.split('\n').map((line) => line.split('|').slice(0, 2).join('.'));
    expect(tables).toEqual(expect.arrayContaining(oneTableOfEachService));
  });

  itWith('grpcurl', 'watches health until the platform stops, and does not hold it up', async (tool) => {
    const watch = tool.start('-plaintext', '-d', '{}', platform.grpcAddress, `${health}/Watch`);
    const closed = once(watch.child, 'close');
    await until('SERVING', async () => (watch.stdout().includes('"SERVING"') ? true : undefined), 10_000);
    hasEnded = true;
    expect(await platform.end('SIGTERM')).toBe(0);
    await closed;
    expect(watch.stdout()).toContain('"NOT_SERVING"');
  });
});

async function issuedToken(): Promise<string> {
  const clients = new ServiceClients(() => platform.grpcAddress, undefined);
  const issued = await clients.get(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value: operatorKey } });
  clients.close();
  return issued.accessToken;
}

async function publishedKey(kid: string): Promise<Buffer> {
  const answer: unknown = await (await fetch(`http://${platform.httpAddress}/.well-known/jwks.json`)).json();
  const key = keySet.parse(answer).keys.find((candidate) => candidate.kid === kid);
  if (!key) throw new Error(`the key set has no key ${kid}`);
  return Buffer.from(key.x, 'base64url');
}

/** An Ed25519 key as SubjectPublicKeyInfo (RFC 8410, section 4), in PEM. */
function publicKeyPem(key: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  return Buffer.from(`-----BEGIN PUBLIC KEY-----\n${info.toString('base64')}\n-----END PUBLIC KEY-----\n`);
}

function decoded(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

async function file(name: string, content: Buffer): Promise<string> {
  const path = join(home, name);
  await writeFile(path, content);
  return path;
}

/** What `npm run --silent db:url` prints. */
async function printedDatabaseUrl(): Promise<string> {
  const child = spawn(process.execPath, [databaseUrlCommand], {
    env: { ...process.env, NODE_OPTIONS: '', Q2_HOME: join(home, 'platform') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  return output.trim();
}
