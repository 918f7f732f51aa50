import { once } from 'node:events';
import { open, rm, writeFile } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { messageOf } from '../database-errors.js';
import type { Binaries } from './binaries.js';
import type { ClusterPaths } from './cluster.js';
import { dataDamaged, EmbeddedPostgresError } from './embedded-postgres-error.js';
import type { Launcher } from './launcher.js';
import { choosePort } from './port.js';
import { isAlive, isPostmasterOf, pidFile, readPostmaster, waitUntil } from './postmaster.js';
import { logSize, passingFailure, readLog, rotateLog, startFailure } from './server-log.js';

/** Crash recovery of much data may take a while. */
const startTimeoutMs = 120_000;
/** How long an immediate shutdown may take: PostgreSQL itself kills what does not end within 5 s. */
const cutOffTimeoutMs = 10_000;

export interface ServerOptions {
  readonly paths: ClusterPaths;
  readonly binaries: Binaries;
  readonly launcher: Launcher;
  readonly isDurable: boolean;
  readonly maxConnections: number;
  readonly stopTimeoutMs: number;
  /** URL of the superuser on a port. */
  readonly url: (port: number) => string;
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Takes over the server that runs on the cluster, or starts one.
 *
 * @throws {EmbeddedPostgresError} where it does not start, or not with this password
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { paths } = options;
  const found = (await findRunning(options)) ?? (await launch(options));
  const server = new Server(found.pid, found.port, options.stopTimeoutMs);
  try {
    await checkLogin(options.url(found.port), paths);
    await writeFile(paths.port, String(found.port), { mode: 0o600 });
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class Server implements RunningServer {
  constructor(
    readonly pid: number,
    readonly port: number,
    private readonly stopTimeoutMs: number,
  ) {
    process.once('exit', this.interrupt);
  }

  /** A fast shutdown first; one that hangs is cut off, which the next start recovers from. */
  async stop(): Promise<void> {
    process.removeListener('exit', this.interrupt);
    this.interrupt();
    if (await this.ends(this.stopTimeoutMs)) return;
    signal(this.pid, 'SIGQUIT');
    await this.ends(cutOffTimeoutMs);
  }

  private ends(timeoutMs: number): Promise<boolean> {
    return waitUntil(async () => !(await isAlive(this.pid)), timeoutMs);
  }

  private readonly interrupt = (): void => {
    signal(this.pid, 'SIGINT');
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already, which is all that was wanted.
  }
}

/** A server that outlived its parent: ready, or on its way up or down. A pid file that nobody stands behind is removed. */
async function findRunning({ paths, stopTimeoutMs }: ServerOptions): Promise<{ pid: number; port: number } | undefined> {
  const postmaster = await readPostmaster(paths.data);
  if (postmaster === undefined) return undefined;
  const { pid } = postmaster;
  const isRunning = () => isPostmasterOf(pid, paths.data);
  let isReady = false;
  await waitUntil(async () => {
    isReady = (await readPostmaster(paths.data))?.isReady === true;
    return isReady || !(await isRunning());
  }, startTimeoutMs);
  if (isReady && (await isRunning())) return { pid, port: postmaster.port };
  await waitUntil(async () => !(await isRunning()), stopTimeoutMs);
  await rm(pidFile(paths.data), { force: true });
  return undefined;
}

async function launch(options: ServerOptions): Promise<{ pid: number; port: number }> {
  const { paths } = options;
  for (let attempt = 1; ; attempt += 1) {
    await rotateLog(paths.log);
    const logStart = await logSize(paths.log);
    const port = await choosePort(paths.port);
    const child = await spawnServer(options, port);
    if (await becomesReady(child, paths)) return { pid: child.pid ?? 0, port };
    const log = await readLog(paths.log, logStart);
    if (passingFailure(log) === undefined || attempt === 20) throw startFailure(log, paths.directory, paths.log);
    await sleep(250);
  }
}

async function spawnServer({ paths, binaries, launcher, isDurable, maxConnections }: ServerOptions, port: number): Promise<ChildProcess> {
  const log = await open(paths.log, 'a', 0o600);
  try {
    const args = ['-D', paths.data, ...settings({ port, isDurable, maxConnections }).flatMap((setting) => ['-c', setting])];
    const child = launcher.start(binaries.postgres, args, { stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
    // A process that forgets to stop the server may still end; the server then ends with it.
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

function settings(options: { port: number; isDurable: boolean; maxConnections: number }): string[] {
  const small = ['shared_buffers=64MB', 'work_mem=8MB', 'maintenance_work_mem=64MB', 'max_wal_size=512MB', 'jit=off', 'huge_pages=off'];
  const quiet = [
    'logging_collector=off',
    'log_checkpoints=off',
    'log_min_messages=warning',
    'log_statement=none',
    'log_min_error_statement=panic',
  ];
  const reach = [
    `port=${String(options.port)}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${String(options.maxConnections)}`,
  ];
  const careless = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'autovacuum_naptime=10min'];
  return [...reach, ...small, ...quiet, 'timezone=UTC', 'log_timezone=UTC', ...(options.isDurable ? ['fsync=on'] : careless)];
}

/** @returns false where the server gave up */
async function becomesReady(child: ChildProcess, paths: ClusterPaths): Promise<boolean> {
  let isReady = false;
  const isDecided = await waitUntil(async () => {
    const postmaster = await readPostmaster(paths.data);
    isReady = postmaster?.pid === child.pid && postmaster?.isReady === true;
    return isReady || child.exitCode !== null || child.signalCode !== null;
  }, startTimeoutMs);
  if (!isDecided) child.kill('SIGINT');
  return isReady;
}

async function checkLogin(url: string, { directory }: ClusterPaths): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    const detail = messageOf(error);
    if (error instanceof pg.DatabaseError) throw dataDamaged(directory, detail, error);
    throw new EmbeddedPostgresError('POSTGRES_START_FAILED', `PostgreSQL started but does not answer: ${detail}`, {
      directory,
      cause: error,
    });
  } finally {
    await client.end();
  }
}
