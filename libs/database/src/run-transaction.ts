import { Unavailable } from '@q2/errors';
import pg from 'pg';
import type { BackgroundJob } from './background-job.js';
import type { ConnectionPool, PooledConnection } from './connection-pool.js';
import { crashPoint } from './crash-point.js';
import { isConnectionLoss, messageOf, translateDatabaseError } from './database-errors.js';
import { Transaction } from './transaction.js';
import { inTransactionSpan } from './transaction-span.js';
import type { TransactionOptions } from './tx.js';

/** How a transaction begins: its first statements, sent in one round trip. */
export interface TransactionStart {
  readonly begin: string;
  readonly tenant: string | undefined;
}

/** A transaction bound to the rows of one tenant. */
export function tenantTransaction(tenant: string, options: TransactionOptions): TransactionStart {
  const mode = options.readOnly === true ? ' READ ONLY' : '';
  return { tenant, begin: `BEGIN${mode}; SELECT set_config('q2.tenant', ${pg.escapeLiteral(tenant)}, true)` };
}

/** A transaction across tenants; the job shows in `pg_stat_activity` while it runs. */
export function jobTransaction(schema: string, job: BackgroundJob): TransactionStart {
  return { tenant: undefined, begin: `BEGIN; SET LOCAL application_name = ${pg.escapeLiteral(`q2 ${schema} ${job}`)}` };
}

/**
 * Runs `work` in a transaction on a connection of the pool: commits where it succeeds, rolls back where it throws, and
 * calls the work that waited for the commit afterwards. Failures of the database come out as domain errors.
 */
export async function runTransaction<T>(
  pool: ConnectionPool,
  start: TransactionStart,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await inTransactionSpan(pool.schema, async () => {
      const connection = await open(pool, start);
      const transaction = new Transaction(connection, start.tenant);
      return settle(connection, transaction, work);
    });
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

/** A connection may have broken while idle. Nothing has happened yet, so beginning again on another one is safe. */
async function open(pool: ConnectionPool, start: TransactionStart): Promise<PooledConnection> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await pool.acquire();
    try {
      await connection.client.query(start.begin);
      markBegun(connection);
      return connection;
    } catch (error) {
      await connection.release(error);
      if (attempt === 3 || !isConnectionLoss(error)) throw error;
    }
  }
}

/** TypeORM did not begin this transaction, so it is told: its own `manager.transaction` and `save` then use savepoints. */
function markBegun({ runner }: PooledConnection): void {
  Reflect.set(runner, 'isTransactionActive', true);
  Reflect.set(runner, 'transactionDepth', 1);
}

async function settle<T>(
  connection: PooledConnection,
  transaction: Transaction,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work(transaction);
  } catch (error) {
    transaction.close();
    await rollBack(connection);
    throw error;
  }
  const hooks = transaction.close();
  await commit(connection);
  hooks.forEach(runHook);
  return result;
}

async function rollBack(connection: PooledConnection): Promise<void> {
  try {
    await connection.client.query('ROLLBACK');
    await connection.release();
  } catch (error) {
    await connection.release(error);
  }
}

/**
 * PostgreSQL answers COMMIT with ROLLBACK where a statement had failed and the failure was swallowed: nothing was
 * stored, and to report success would be a lie.
 */
async function commit(connection: PooledConnection): Promise<void> {
  let command: string;
  crashPoint('transaction.before-commit');
  try {
    ({ command } = await connection.client.query('COMMIT'));
  } catch (error) {
    await connection.release(error);
    if (!isConnectionLoss(error)) throw error;
    throw new Unavailable(
      'DATABASE_COMMIT_UNKNOWN',
      'the connection was lost during the commit, which may or may not have happened; repeat with the same request_id',
    );
  }
  await connection.release();
  if (command === 'ROLLBACK') {
    throw new Error('a statement of this transaction failed and its error was caught without a savepoint: nothing was committed');
  }
}

/** The commit has happened: a hook that throws must not make it look failed, nor keep the others from running. */
function runHook(hook: () => void): void {
  try {
    hook();
  } catch (error) {
    process.emitWarning(`a hook after the commit failed: ${messageOf(error)}`);
  }
}
