import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tenants } from '@q2/contracts';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { operator } from '../testing/tenant-builder.testing.js';
import { formatApiKey, newApiKey } from './api-key.js';
import { OperatorKeyService } from './operator-key.service.js';

let platform: TestPlatform;
let folder: string;
const ensure = (path: string) => platform.get(OperatorKeyService).ensureOperatorKey(path);
const exchange = (apiKey: string) => platform.client(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value: apiKey } });

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule] });
});
afterAll(() => platform.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2-operator-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('ensureOperatorKey', () => {
  it('makes a key that works, in a file that only its owner reads, and nothing beside it', async () => {
    const path = join(folder, 'home', 'operator.key');
    const { text, isNew } = await ensure(path);
    expect(isNew).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(`${text}\n`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'home'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'home'))).toEqual(['operator.key']);
    const { accessToken } = await exchange(text);
    expect(JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
      tenant: 'platform',
      roles: ['operator'],
    });
  });

  it('gives the same key at every start', async () => {
    const path = join(folder, 'operator.key');
    const first = await ensure(path);
    expect(await ensure(path)).toEqual({ text: first.text, isNew: false });
  });

  it('heals a start that died between the file and the database', async () => {
    const path = join(folder, 'operator.key');
    const text = formatApiKey(newApiKey());
    await writeFile(path, `${text}\n`, { mode: 0o600 });
    expect(await ensure(path)).toEqual({ text, isNew: true });
    expect((await exchange(text)).tokenType).toBe('Bearer');
  });

  it('does not bring back a key that was revoked', async () => {
    const path = join(folder, 'operator.key');
    const { text } = await ensure(path);
    const name = `tenants/platform/apiKeys/${text.split('_')[1]}`;
    await platform.client(tenants.AccessService, operator).revokeApiKey({ name });
    expect((await ensure(path)).isNew).toBe(false);
    await expect(exchange(text)).rejects.toThrow(expect.objectContaining({ reason: 'CREDENTIAL_REFUSED' }));
  });

  it('names the file where it holds something else, or cannot be read', async () => {
    const path = join(folder, 'operator.key');
    await writeFile(path, 'something else');
    await expect(ensure(path)).rejects.toThrow(`${path} does not hold an API key; restore it, or delete it to get a new one`);
    await expect(ensure(folder)).rejects.toThrow(`${folder} cannot be read`);
  });
});
