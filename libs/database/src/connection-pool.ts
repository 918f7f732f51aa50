import { FailedPrecondition, Unavailable } from '@q2/errors';
import pg from 'pg';
import { DataSource, type QueryRunner } from 'typeorm';
import { ConnectionGate } from './connection-gate.js';
import { describeServer, type ConnectionSettings } from './connection-settings.js';
import { errorCode, isConnectionLoss, messageOf } from './database-errors.js';
import type { EntityClass } from './service-schema.js';
import type { TransactionConnection } from './transaction.js';

export interface ConnectionPoolOptions {
  /** Name for messages and `pg_stat_activity`. */
  readonly name: string;
  readonly settings: ConnectionSettings;
  readonly schema: string;
  readonly entities: readonly EntityClass[];
  readonly poolSize: number;
  readonly maxWaiting: number;
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** A connection taken from the pool. */
export interface PooledConnection extends TransactionConnection {
  /** Gives it back; with an error it is thrown away instead. */
  release(error?: unknown): Promise<void>;
}

/** How many connections there may be, are in use, and how many calls wait for one. */
export interface PoolStatus {
  readonly size: number;
  readonly inUse: number;
  readonly waiting: number;
}

/** A TypeORM data source behind a gate that sheds load. */
export class ConnectionPool {
  private readonly gate: ConnectionGate;

  private constructor(
    private readonly options: ConnectionPoolOptions,
    private readonly source: DataSource,
  ) {
    const { name, poolSize: capacity, maxWaiting, acquireTimeoutMs } = options;
    this.gate = new ConnectionGate({ name, capacity, maxWaiting, acquireTimeoutMs });
  }

  /**
   * Connects once, to know that it can.
   *
   * @throws {Unavailable} DATABASE_UNAVAILABLE where the server cannot be reached
   * @throws {FailedPrecondition} DATABASE_LOGIN_REFUSED where it refuses the login
   */
  static async open(options: ConnectionPoolOptions): Promise<ConnectionPool> {
    const source = new DataSource({
      type: 'postgres',
      driver: pg,
      schema: options.schema,
      entities: [...options.entities],
      installExtensions: false,
      logger: 'debug',
      poolSize: options.poolSize,
      // Idle connections that break are replaced when next needed; whoever uses one that breaks gets the error itself.
      poolErrorHandler: () => undefined,
      extra: {
        ...options.settings,
        application_name: `q2 ${options.name}`,
        statement_timeout: options.statementTimeoutMs,
        idle_in_transaction_session_timeout: Math.max(60_000, options.statementTimeoutMs),
        idleTimeoutMillis: 30_000,
      },
    });
    try {
      await source.initialize();
    } catch (error) {
      throw connectFailure(error, options.settings);
    }
    return new ConnectionPool(options, source);
  }

  get schema(): string {
    return this.options.schema;
  }

  get status(): PoolStatus {
    return { size: this.options.poolSize, ...this.gate.status };
  }

  /**
   * Takes a connection, waiting for one within the limits of the gate.
   *
   * @throws {ResourceExhausted} DATABASE_POOL_EXHAUSTED
   * @throws {Unavailable} DATABASE_CLOSED
   */
  async acquire(): Promise<PooledConnection> {
    await this.gate.enter();
    try {
      return await this.take();
    } catch (error) {
      this.gate.leave();
      throw error;
    }
  }

  /** Waits for the connections in use, then closes all. */
  async close(): Promise<void> {
    await this.gate.close();
    await this.source.destroy();
  }

  private async take(): Promise<PooledConnection> {
    const runner = this.source.createQueryRunner();
    const client: unknown = await runner.connect();
    if (!(client instanceof pg.Client)) throw new TypeError('TypeORM gave a connection that is not of pg');
    return { runner, client, release: (error) => this.giveBack(runner, client, error) };
  }

  /** The pool drops a client that is ending, which is how TypeORM's `release()` is told that one is broken. */
  private async giveBack(runner: QueryRunner, client: pg.Client, error: unknown): Promise<void> {
    try {
      if (error !== undefined) void client.end().catch(() => undefined);
      await runner.release();
    } finally {
      this.gate.leave();
    }
  }
}

/** One sentence for whoever starts the process: where the database was looked for, and what it said. */
export function connectFailure(error: unknown, settings: ConnectionSettings): unknown {
  const server = describeServer(settings);
  const detail = messageOf(error);
  if (isConnectionLoss(error) || /timeout|timed out/i.test(detail)) {
    return new Unavailable('DATABASE_UNAVAILABLE', `the database at ${server} cannot be reached: ${detail}`, { server });
  }
  if (['28P01', '28000', '3D000', '42501'].includes(errorCode(error) ?? '')) {
    return new FailedPrecondition('DATABASE_LOGIN_REFUSED', `the database at ${server} refused the login: ${detail}`, { server });
  }
  return error;
}
