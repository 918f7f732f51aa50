import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Database, type DatabaseOptions } from '../database.js';
import type { ServiceSchema } from '../service-schema.js';
import { keeperSocket, sharedTestFolder } from './keeper.js';

const startTimeoutMs = 120_000;
/** How long a keeper that was asked for is given before another one is asked for. */
const patienceMs = 2_000;

/** A database of a test file's own, on real PostgreSQL. */
export interface TestDatabase {
  /** URL of the superuser on this database. */
  readonly url: string;
  /** Sets up the schema of a service and connects to it; closed by {@link stop}. */
  database(schema: ServiceSchema, options?: Omit<DatabaseOptions, 'url' | 'schema'>): Promise<Database>;
  /** Closes the databases handed out, and drops this one. */
  stop(): Promise<void>;
}

/**
 * Gives a fresh, empty database. The server is shared by all test files and workers that run at the time, and ends by
 * itself after the last one.
 *
 * @param folder where the server keeps its data
 */
export async function startTestDatabase(folder = sharedTestFolder()): Promise<TestDatabase> {
  const { url, socket } = await obtain(folder);
  const handedOut: Database[] = [];
  return {
    url,
    database: async (schema, options = {}) => {
      const database = await Database.connect({ ...options, url, schema });
      handedOut.push(database);
      return database;
    },
    stop: async () => {
      await Promise.all(handedOut.splice(0).map((database) => database.close()));
      if (socket.destroyed) return;
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    },
  };
}

interface Obtained {
  readonly url: string;
  readonly socket: Socket;
}

async function obtain(folder: string): Promise<Obtained> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const deadline = Date.now() + startTimeoutMs;
  const keeper = { askedAt: 0, failed: false };
  while (Date.now() < deadline) {
    const obtained = await request(keeperSocket(folder));
    if (obtained !== undefined) return obtained;
    if (keeper.failed) break;
    if (Date.now() - keeper.askedAt > patienceMs) {
      keeper.askedAt = Date.now();
      await askForKeeper(folder, () => (keeper.failed = true));
    }
    await sleep(25);
  }
  throw new Error(`no PostgreSQL for tests: ${await readFile(logPath(folder), 'utf8')}`);
}

/** Asks a keeper for a database. @returns undefined where no keeper answers */
function request(path: string): Promise<Obtained | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let received = '';
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve(undefined);
    });
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (!received.endsWith('\n')) return;
      // A test that forgets to stop must not keep its process alive; the keeper cleans up after it.
      socket.unref();
      resolve({ url: received.trim(), socket });
    });
  });
}

/** Starts a keeper that outlives this process. One too many ends by itself. */
async function askForKeeper(folder: string, onFailure: () => void): Promise<void> {
  const log = await open(logPath(folder), 'w', 0o600);
  try {
    const program = fileURLToPath(new URL('./keeper-main.js', import.meta.url));
    const environment = { PATH: process.env['PATH'] ?? '' };
    const child = spawn(process.execPath, [program, folder], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: environment,
      cwd: '/',
    });
    child.once('exit', (code) => {
      if (code === 1) onFailure();
    });
    child.unref();
  } finally {
    await log.close();
  }
}

function logPath(folder: string): string {
  return join(folder, 'keeper.log');
}
