import { FailedPrecondition } from '@q2/errors';
import type pg from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import type { Tx } from './tx.js';

/** A connection that runs one transaction: TypeORM's runner, and the client of pg under it. */
export interface TransactionConnection {
  readonly runner: QueryRunner;
  readonly client: pg.ClientBase;
}

/**
 * One level of a transaction: the outermost, or a call that joined it and holds a savepoint. What a joined call did is
 * undone where it fails, so an outer level that catches the failure never commits half of it.
 */
export class Transaction implements Tx {
  private open = true;
  private hooks: (() => void)[] = [];
  /** Joined calls that were started side by side run one after the other: savepoints nest, they don't interleave. */
  private lastJoined: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly connection: TransactionConnection,
    readonly tenant: string | undefined,
    private readonly parent?: Transaction,
  ) {}

  get manager(): EntityManager {
    this.mustBeOpen();
    return this.connection.runner.manager;
  }

  /** This level, or the nearest around it that is open; a promise left behind by a joined call may outlive its level. */
  nearestOpen(): Transaction | undefined {
    return this.open ? this : this.parent?.nearestOpen();
  }

  async query<Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    this.mustBeOpen();
    const result = await this.connection.client.query<Row & pg.QueryResultRow>(sql, [...params]);
    return result.rows;
  }

  async execute(sql: string, params: readonly unknown[] = []): Promise<number> {
    this.mustBeOpen();
    const result = await this.connection.client.query(sql, [...params]);
    return result.rowCount ?? 0;
  }

  afterCommit(work: () => void): void {
    this.mustBeOpen();
    this.hooks.push(work);
  }

  /** Runs `work` in a savepoint of this level. */
  joined<T>(work: (inner: Transaction) => Promise<T>): Promise<T> {
    const turn = this.lastJoined.then(() => this.inSavepoint(work));
    this.lastJoined = turn.catch(() => undefined);
    return turn;
  }

  /** Closes this level and gives the work that waits for the commit. */
  close(): (() => void)[] {
    this.open = false;
    return this.hooks.splice(0);
  }

  private async inSavepoint<T>(work: (inner: Transaction) => Promise<T>): Promise<T> {
    this.mustBeOpen();
    const savepoint = `q2_${String(this.depth)}`;
    const inner = new Transaction(this.connection, this.tenant, this);
    await this.connection.client.query(`SAVEPOINT ${savepoint}`);
    try {
      const result = await work(inner);
      await this.connection.client.query(`RELEASE SAVEPOINT ${savepoint}`);
      this.hooks.push(...inner.close());
      return result;
    } catch (error) {
      inner.close();
      // Where going back fails too the transaction cannot commit any more, and what made us go back matters more.
      await this.connection.client.query(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`).catch(() => undefined);
      throw error;
    }
  }

  private get depth(): number {
    return this.parent === undefined ? 1 : this.parent.depth + 1;
  }

  private mustBeOpen(): void {
    if (this.open) return;
    throw new FailedPrecondition('TRANSACTION_CLOSED', 'this transaction has ended; await all work inside the function that received it');
  }
}
