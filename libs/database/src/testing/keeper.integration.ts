import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.js';
import { isAlive, waitUntil } from '../embedded/postmaster.js';
import { notes } from '../fixtures.testing.js';
import { Keeper } from './keeper.js';
import { startTestDatabase } from './test-database.js';

/** A cluster made once, as that takes longest. */
let seed: string;
let folder: string;

beforeAll(async () => {
  seed = await mkdtemp(join(tmpdir(), 'q2-keeper-seed-'));
  await (await startEmbeddedPostgres({ directory: seed, isDurable: false })).stop();
});
afterAll(() => rm(seed, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2-keeper-'));
  await cp(seed, join(folder, 'postgres'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function databasesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(`SELECT datname AS name FROM pg_database WHERE datname ~ 'test' ORDER BY 1`);
  await client.end();
  return rows.map(({ name }) => name);
}

const nameOf = (url: string) => new URL(url).pathname.slice(1);
const serverPid = async () =>
  Number((await readFile(join(folder, 'postgres', 'cluster', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);

describe('Keeper', () => {
  it('gives each user a database, drops it when the user leaves, and ends after the last', async () => {
    let isEnded = false;
    await Keeper.start(folder, () => (isEnded = true), { idleMs: 300 });
    const [first, second] = await Promise.all([startTestDatabase(folder), startTestDatabase(folder)]);
    expect(await databasesOf(first.url)).toEqual([nameOf(first.url), nameOf(second.url)].sort());
    const database = await second.database(notes);
    await database.inTenant('acme', (tx) => tx.execute(`INSERT INTO note (tenant_id, name) VALUES ('acme', 'a')`));
    await second.stop();
    await second.stop();
    expect(await waitUntil(async () => (await databasesOf(first.url)).length === 1, 5_000)).toBe(true);
    const pid = await serverPid();
    await first.stop();
    expect(await waitUntil(() => isEnded, 10_000)).toBe(true);
    expect(await isAlive(pid)).toBe(false);
  });

  it('makes the cluster anew where it is damaged, and lets no second keeper in', async () => {
    const end = async (action: (onEnd: () => void) => Promise<unknown>) => {
      let isEnded = false;
      await action(() => (isEnded = true));
      expect(await waitUntil(() => isEnded, 10_000)).toBe(true);
    };
    await end((onEnd) => Keeper.start(folder, onEnd, { emptyMs: 0 }));
    await writeFile(join(folder, 'postgres', 'cluster', 'data', 'PG_VERSION'), '12');
    await end(async (onEnd) => {
      await Keeper.start(folder, onEnd, { idleMs: 0 });
      const user = await startTestDatabase(folder);
      const second = await startAnotherKeeper();
      await user.stop();
      expect(second).toEqual({ code: 3, output: expect.stringContaining('is in use by process') });
    });
  });
});

/** As one that was asked for by another worker at the same time. */
async function startAnotherKeeper(): Promise<{ code: unknown; output: string }> {
  const program = new URL('./keeper-main.js', import.meta.url);
  const child = spawn(process.execPath, [program.pathname, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, 'close');
  return { code, output };
}

describe('startTestDatabase', () => {
  it('starts one server however many ask at once, which outlives none of them', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => startTestDatabase(folder)));
    expect(new Set(databases.map(({ url }) => new URL(url).port)).size).toBe(1);
    expect(new Set(databases.map(({ url }) => nameOf(url))).size).toBe(3);
    const pid = await serverPid();
    await Promise.all(databases.map((database) => database.stop()));
    expect(await waitUntil(async () => !(await isAlive(pid)), 20_000)).toBe(true);
  });

  it('cleans up after a user that was killed', async () => {
    const kept = await startTestDatabase(folder);
    const library = new URL('./test-database.js', import.meta.url).href;
    const program = `const { startTestDatabase } = await import(${JSON.stringify(library)});
      console.log((await startTestDatabase(${JSON.stringify(folder)})).url); setInterval(() => undefined, 60_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'] },
    });
    const [url] = await once(child.stdout, 'data');
    expect(await databasesOf(kept.url)).toContain(nameOf(String(url).trim()));
    child.kill('SIGKILL');
    expect(await waitUntil(async () => (await databasesOf(kept.url)).length === 1, 5_000)).toBe(true);
    await kept.stop();
  });

  it('says why there is no server', async () => {
    await rm(join(folder, 'postgres'), { recursive: true });
    await writeFile(join(folder, 'postgres'), 'not a folder');
    await expect(startTestDatabase(folder)).rejects.toThrow(/^no PostgreSQL for tests: the folder .* cannot be written \(EEXIST/);
  });
});
