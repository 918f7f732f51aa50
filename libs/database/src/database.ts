import { AsyncLocalStorage } from 'node:async_hooks';
import { FailedPrecondition } from '@q2/errors';
import type { BackgroundJob } from './background-job.js';
import { ConnectionPool, type PoolStatus } from './connection-pool.js';
import { parseDatabaseUrl } from './connection-settings.js';
import { translateDatabaseError } from './database-errors.js';
import { migrate } from './migrate.js';
import { Notifications } from './notifications.js';
import { provisionService } from './provision.js';
import { jobTransaction, runTransaction, tenantTransaction, type TransactionStart } from './run-transaction.js';
import type { ServiceSchema } from './service-schema.js';
import type { Transaction } from './transaction.js';
import type { TransactionOptions, Tx } from './tx.js';

export interface DatabaseOptions {
  /** URL with a login that may create roles and schemas. */
  readonly url: string;
  readonly schema: ServiceSchema;
  /** Connections for tenant transactions. @default 10 */
  readonly poolSize?: number;
  /** Connections for background jobs across tenants; opened when the first job runs. @default 3 */
  readonly jobsPoolSize?: number;
  /** Calls that may wait for a connection; one more is refused at once. @default 20 per connection */
  readonly maxWaiting?: number;
  /** How long a call waits for a connection before it is refused. @default 5000 */
  readonly acquireTimeoutMs?: number;
  /** How long one statement may take. @default 30000 */
  readonly statementTimeoutMs?: number;
}

/**
 * A service's access to its own schema. Request code gets transactions of one tenant, bound by row-level security to
 * that tenant's rows; only the named background jobs see the rows of all.
 */
export class Database {
  /** The transaction around the code that runs now. */
  private readonly ambient = new AsyncLocalStorage<Transaction | undefined>();
  private jobsPool: Promise<ConnectionPool> | undefined;
  private closing: Promise<void> | undefined;

  private constructor(
    readonly schema: string,
    private readonly tenantsPool: ConnectionPool,
    private readonly openJobsPool: () => Promise<ConnectionPool>,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Creates the schema and the roles where they are missing, runs the migrations that are due, and connects.
   *
   * @throws {Unavailable} DATABASE_UNAVAILABLE where the server cannot be reached
   * @throws {FailedPrecondition} where the login is refused, may not create roles, or the server is too old
   */
  static async connect(options: DatabaseOptions): Promise<Database> {
    const { schema, poolSize = 10, jobsPoolSize = 3, acquireTimeoutMs = 5_000, statementTimeoutMs = 30_000 } = options;
    const logins = await provisionService(options.url, schema.name);
    if (schema.migrations.length > 0) await migrate(options.url, schema);
    const shared = { schema: schema.name, entities: schema.entities, acquireTimeoutMs, statementTimeoutMs };
    const openPool = (name: string, url: string, size: number) =>
      ConnectionPool.open({
        ...shared,
        name,
        settings: parseDatabaseUrl(url),
        poolSize: size,
        maxWaiting: options.maxWaiting ?? size * 20,
      });
    return new Database(
      schema.name,
      await openPool(schema.name, logins.serviceUrl, poolSize),
      () => openPool(`${schema.name} jobs`, logins.jobsUrl, jobsPoolSize),
      new Notifications(schema.name, parseDatabaseUrl(logins.serviceUrl)),
    );
  }

  /** The connections for tenant transactions, for metrics. */
  get pool(): PoolStatus {
    return this.tenantsPool.status;
  }

  /**
   * Runs `work` in a transaction that sees the rows of `tenant` only. Inside an open transaction of the same tenant it
   * joins that one, in a savepoint: work that fails is undone even where the outer call catches the failure.
   * Rows that belong to no customer belong to the tenant `platform`.
   *
   * @throws {FailedPrecondition} TENANT_MISSING, or TENANT_SWITCHED inside a transaction of another tenant
   * @throws {ResourceExhausted} DATABASE_POOL_EXHAUSTED under overload
   * @throws {Unavailable} where the connection is lost; DATABASE_COMMIT_UNKNOWN where that happened during the commit
   */
  async inTenant<T>(tenant: string, work: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    if (tenant === '') {
      throw new FailedPrecondition('TENANT_MISSING', 'a transaction needs the tenant whose rows it may see; none was given');
    }
    const outer = this.ambient.getStore()?.nearestOpen();
    if (outer === undefined) return this.begin(this.tenantsPool, tenantTransaction(tenant, options), work);
    if (outer.tenant !== tenant) throw tenantSwitched(outer.tenant, tenant);
    return this.join(outer, work);
  }

  /**
   * Runs `work` in a transaction that sees the rows of every tenant. It never joins a tenant's transaction: inside one
   * it is a transaction of its own, which commits on its own and does not see what the outer one has not committed.
   *
   * @throws as {@link inTenant} does
   */
  async acrossTenants<T>(job: BackgroundJob, work: (tx: Tx) => Promise<T>): Promise<T> {
    const outer = this.ambient.getStore()?.nearestOpen();
    if (outer !== undefined && outer.tenant === undefined) return this.join(outer, work);
    return this.begin(await this.jobs(), jobTransaction(this.schema, job), work);
  }

  /**
   * Calls `onNotify` for every NOTIFY on the channel, on a connection of its own that comes back by itself. After it
   * was away `onNotify('')` is called once: something may have been missed.
   *
   * @returns what stops listening
   * @throws {Unavailable} DATABASE_UNAVAILABLE where the server cannot be reached at first
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    return this.notifications.listen(channel, onNotify);
  }

  /** Waits for the transactions that run, then closes every connection. */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async closeAll(): Promise<void> {
    const draining = this.tenantsPool.close();
    await this.notifications.close();
    await draining;
    if (this.jobsPool !== undefined) await (await this.jobsPool).close();
  }

  private begin<T>(pool: ConnectionPool, start: TransactionStart, work: (tx: Tx) => Promise<T>): Promise<T> {
    return runTransaction(pool, start, (transaction) => this.ambient.run(transaction, work, transaction));
  }

  private async join<T>(outer: Transaction, work: (tx: Tx) => Promise<T>): Promise<T> {
    try {
      return await outer.joined((inner) => this.ambient.run(inner, work, inner));
    } catch (error) {
      throw translateDatabaseError(error);
    }
  }

  /** Opened by the first job, as few services have any; one that could not be opened is tried again by the next job. */
  private async jobs(): Promise<ConnectionPool> {
    this.jobsPool ??= this.openJobsPool();
    try {
      return await this.jobsPool;
    } catch (error) {
      this.jobsPool = undefined;
      throw error;
    }
  }
}

function tenantSwitched(outer: string | undefined, inner: string): FailedPrecondition {
  const around = outer === undefined ? 'a job across tenants' : `tenant ${outer}`;
  return new FailedPrecondition(
    'TENANT_SWITCHED',
    `a transaction of tenant ${inner} cannot open inside one of ${around}; end that one first`,
    {
      tenant: inner,
    },
  );
}
