import type { EntityManager } from 'typeorm';

/** One open transaction. It ends when the function that received it settles, and cannot be used afterwards. */
export interface Tx {
  /** TypeORM's manager on this transaction's connection. */
  readonly manager: EntityManager;
  /** Tenant whose rows are visible; undefined inside `acrossTenants` only. */
  readonly tenant: string | undefined;
  /** Runs a SELECT, or a statement with RETURNING, and gives its rows. */
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Runs a statement and gives the number of rows that it affected. */
  execute(sql: string, params?: readonly unknown[]): Promise<number>;
  /** Runs `work` once the whole transaction has committed; never where it, or the joined call that asked, rolled back. */
  afterCommit(work: () => void): void;
}

/** How to open a tenant's transaction. */
export interface TransactionOptions {
  /** Refuses writes. A call that joins an open transaction keeps that transaction's mode. */
  readonly readOnly?: boolean;
}
