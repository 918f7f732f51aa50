import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { startPlatform, type Platform } from './platform.js';

// Each run of the program loads all contracts, which takes a loaded machine its time.
jest.setTimeout(180_000);

let server: TestDatabase;
let home: string;
let platform: Platform;
let addresses: Record<string, string>;

const settings = ['TENANT_MANAGER', 'MODEL_REGISTRY', 'AB_TESTING', 'MONITORING', 'WORKFLOW_ORCHESTRATOR', 'SCHEDULER'];
const services = ['tenant-manager', 'model-registry', 'ab-testing', 'monitoring', 'workflow-orchestrator', 'scheduler'];

beforeAll(async () => {
  server = await startTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'q2-check-'));
  const environment = { Q2_HOME: home, DATABASE_URL: server.url, GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0' };
  platform = await startPlatform(environment);
  addresses = Object.fromEntries(settings.map((name) => [`${name}_ADDRESS`, `127.0.0.1:${platform.process.grpcPort}`]));
});
afterAll(async () => {
  await platform.stop();
  await server.stop();
  await rm(home, { recursive: true });
});

/** Runs the check as a process of its own, as a pod does. */
async function check(environment: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
  const program = fileURLToPath(new URL('check.main.js', import.meta.url));
  const child = spawn(process.execPath, [program], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: Buffer.concat(chunks).toString().trim().split('\n') };
}

describe('the check of an installation', () => {
  it('calls each service with the operator’s key', async () => {
    const { code, lines } = await check({ ...addresses, Q2_OPERATOR_KEY_FILE: platform.home.operatorKey });
    expect(lines).toEqual(services.map((service) => `${service}: answered`));
    expect(code).toBe(0);
  });

  it('names the service that does not answer, and fails', async () => {
    const environment = { ...addresses, SCHEDULER_ADDRESS: '127.0.0.1:1', Q2_OPERATOR_KEY_FILE: platform.home.operatorKey };
    const { code, lines } = await check(environment);
    expect(code).toBe(1);
    expect(lines.filter((line) => line.endsWith(': answered'))).toHaveLength(5);
    expect(lines.filter((line) => !line.endsWith(': answered'))).toEqual([expect.stringMatching(/^scheduler: .+/)]);
  });

  it('fails where the key is refused, without showing it', async () => {
    const file = join(home, 'other.key');
    const key = (await readFile(platform.home.operatorKey, 'utf8')).trim();
    const other = `${key.slice(0, -6)}AAAAAA`;
    await writeFile(file, other);
    const { code, lines } = await check({ ...addresses, Q2_OPERATOR_KEY_FILE: file });
    expect([code, lines]).toEqual([1, [expect.stringMatching(/^q2: /)]]);
    expect(lines.join('\n')).not.toContain(other);
  });

  it('says which address is missing', async () => {
    const { TENANT_MANAGER_ADDRESS, ...rest } = addresses;
    expect(TENANT_MANAGER_ADDRESS).toBeDefined();
    const { code, lines } = await check({ ...rest, Q2_OPERATOR_KEY_FILE: platform.home.operatorKey });
    expect([code, lines.join('\n')]).toEqual([1, expect.stringContaining('TENANT_MANAGER_ADDRESS is not set')]);
  });
});
