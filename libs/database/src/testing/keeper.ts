import { mkdir, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { messageOf } from '../database-errors.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../embedded/embedded-postgres.js';
import { EmbeddedPostgresError } from '../embedded/embedded-postgres-error.js';

/** Where the shared server of this user's tests lives. */
export function sharedTestFolder(): string {
  return join(tmpdir(), `q2-test-postgres-${String(process.getuid?.() ?? 0)}-v1`);
}

/** The socket on which the keeper hands out databases. */
export function keeperSocket(folder: string): string {
  return join(folder, 'keeper.sock');
}

export interface KeeperOptions {
  /** How long to wait for another user after the last one left: test files come one after the other. @default 5000 */
  readonly idleMs?: number;
  /** How long to wait for the first user. @default 30000 */
  readonly emptyMs?: number;
}

/**
 * Keeps one PostgreSQL for all test files and workers that run at a time. Every connection to its socket is given the
 * URL of a fresh database, which is dropped when the connection ends, however it ends; when the last has ended, so does
 * the server. Nothing stays behind, even where the tests are killed.
 */
export class Keeper {
  private readonly users = new Set<Socket>();
  private readonly server: Server;
  private idleTimer: NodeJS.Timeout | undefined;
  private lastNumber = 0;
  /** Databases are made and dropped one at a time: PostgreSQL locks the template meanwhile. */
  private queue: Promise<void> = Promise.resolve();

  private constructor(
    private readonly postgres: EmbeddedPostgres,
    private readonly admin: pg.Client,
    private readonly onEnd: () => void,
    private readonly idleMs: number,
  ) {
    this.server = createServer((user) => {
      this.serve(user);
    });
  }

  /**
   * Starts the server and listens.
   *
   * @param onEnd called once everything has stopped
   * @throws {EmbeddedPostgresError} POSTGRES_FOLDER_IN_USE where another keeper has the folder
   */
  static async start(folder: string, onEnd: () => void, { idleMs = 5_000, emptyMs = 30_000 }: KeeperOptions = {}): Promise<Keeper> {
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const { uid } = await stat(folder);
    if (uid !== (process.getuid?.() ?? uid)) throw new Error(`${folder} belongs to another user`);
    const postgres = await startFresh(join(folder, 'postgres'));
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    const keeper = new Keeper(postgres, admin, onEnd, idleMs);
    await keeper.dropLeftovers();
    await rm(keeperSocket(folder), { force: true });
    await new Promise<void>((resolve) => keeper.server.listen(keeperSocket(folder), resolve));
    keeper.endWhenIdle(emptyMs);
    return keeper;
  }

  private serve(user: Socket): void {
    clearTimeout(this.idleTimer);
    this.users.add(user);
    this.lastNumber += 1;
    const name = `q2_test_${String(this.lastNumber)}`;
    // A user that was killed resets its connection; all that matters is that it has gone.
    user.on('error', () => undefined);
    user.on('close', () => {
      this.users.delete(user);
      this.enqueue(() => this.drop(name));
      this.endWhenIdle(this.idleMs);
    });
    this.enqueue(async () => {
      if (user.destroyed) return;
      await this.admin.query(`CREATE DATABASE ${name}`);
      const url = new URL(this.postgres.url);
      url.pathname = `/${name}`;
      user.write(`${url.href}\n`);
    });
    user.resume();
  }

  private enqueue(work: () => Promise<void>): void {
    this.queue = this.queue.then(work).catch((error: unknown) => {
      process.stderr.write(`${messageOf(error)}\n`);
    });
  }

  private async drop(name: string): Promise<void> {
    await this.admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  private async dropLeftovers(): Promise<void> {
    const { rows } = await this.admin.query<{ name: string }>(`SELECT datname AS name FROM pg_database WHERE datname ~ '^q2_test_'`);
    for (const { name } of rows) await this.drop(name);
  }

  private endWhenIdle(afterMs: number): void {
    clearTimeout(this.idleTimer);
    if (this.users.size > 0) return;
    this.idleTimer = setTimeout(() => void this.end(), afterMs);
  }

  private async end(): Promise<void> {
    this.server.close();
    await this.queue;
    await this.admin.end();
    await this.postgres.stop();
    this.onEnd();
  }
}

/** The data of tests is worth nothing: what cannot be used is made anew. */
async function startFresh(directory: string): Promise<EmbeddedPostgres> {
  const start = () => startEmbeddedPostgres({ directory, isDurable: false, maxConnections: 500 });
  try {
    return await start();
  } catch (error) {
    const isUseless =
      error instanceof EmbeddedPostgresError && ['POSTGRES_DATA_DAMAGED', 'POSTGRES_VERSION_MISMATCH'].includes(error.reason);
    if (!isUseless) throw error;
    await rm(join(directory, 'cluster'), { recursive: true, force: true });
    return start();
  }
}
