import { FailedPrecondition } from '@q2/errors';
import type { QueryRunner } from 'typeorm';

/** SQL conditions over the row that widen the default, which is the transaction's own tenant. */
export interface TenantIsolationOptions {
  /** Rows that may be read besides the tenant's own, such as those of its children. */
  readonly alsoReadableWhere?: string;
  /** Rows that may be read, written and deleted besides the tenant's own. */
  readonly alsoWritableWhere?: string;
}

/**
 * Binds a table to the tenant of the transaction, for the owner too. For migrations, after the table was created with
 * `tenant_id text NOT NULL` first in its primary key. Partitions need a call of their own: PostgreSQL does not pass the
 * policy on to a partition that is read directly.
 *
 * @param table unqualified name, in the schema of the migration
 */
export async function enableTenantIsolation(runner: QueryRunner, table: string, options: TenantIsolationOptions = {}): Promise<void> {
  if (!/^[a-z][a-z0-9_]*$/.test(table)) {
    throw new FailedPrecondition(
      'TABLE_NAME_INVALID',
      `tables are named by lower-case letters, digits and underscores, got ${JSON.stringify(table)}`,
    );
  }
  await runner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
  await runner.query(`ALTER TABLE ${table} ADD CONSTRAINT ${table}_tenant_given CHECK (tenant_id <> '')`);
  await runner.query(`CREATE POLICY tenant_isolation ON ${table} USING (tenant_id = current_tenant())`);
  const { alsoReadableWhere, alsoWritableWhere } = options;
  if (alsoReadableWhere !== undefined) {
    await runner.query(`CREATE POLICY tenant_readable ON ${table} FOR SELECT USING (${alsoReadableWhere})`);
  }
  if (alsoWritableWhere !== undefined) await runner.query(`CREATE POLICY tenant_writable ON ${table} USING (${alsoWritableWhere})`);
}

/** What PostgreSQL knows about a table that has a `tenant_id`. */
export interface TenantTable {
  readonly schema: string;
  readonly table: string;
  readonly isSecured: boolean;
  readonly isForced: boolean;
  readonly policies: readonly string[];
  /** Whether `tenant_id` is NOT NULL and the first column of the primary key. */
  readonly isKeyedByTenant: boolean;
}

/** Anything that runs a query: a transaction, or a client of pg behind a function. */
export interface RowSource {
  query<Row>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
}

/**
 * Every table with a `tenant_id` in the schemas given, partitions too: for tests that prove that each is isolated.
 *
 * @param schemas names of PostgreSQL schemas; those of the services
 */
export function listTenantTables(source: RowSource, schemas: readonly string[]): Promise<TenantTable[]> {
  return source.query<TenantTable>(
    `SELECT n.nspname AS schema, c.relname AS "table", c.relrowsecurity AS "isSecured", c.relforcerowsecurity AS "isForced",
            ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid ORDER BY polname) AS policies,
            a.attnotnull AND coalesce((SELECT i.indkey[0] = a.attnum FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), false)
              AS "isKeyedByTenant"
     FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($1)
     ORDER BY 1, 2`,
    [[...schemas]],
  );
}
