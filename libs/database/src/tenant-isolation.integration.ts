import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { Database } from './database.js';
import { notes } from './fixtures.testing.js';
import { provisionService } from './provision.js';
import type { ServiceSchema } from './service-schema.js';
import { enableTenantIsolation, listTenantTables } from './tenant-isolation.js';
import { startTestDatabase, type TestDatabase } from './testing/index.js';

const columns = `(tenant_id text NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, name))`;

class CreateTables1764000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE report ${columns}`);
    await enableTenantIsolation(runner, 'report', { alsoReadableWhere: `tenant_id LIKE current_tenant() || '.%'` });
    await runner.query(`CREATE TABLE usage ${columns}`);
    await enableTenantIsolation(runner, 'usage', { alsoWritableWhere: `current_tenant() LIKE tenant_id || '.%'` });
    await runner.query(`CREATE TABLE reading (tenant_id text NOT NULL, at date NOT NULL) PARTITION BY RANGE (at)`);
    await enableTenantIsolation(runner, 'reading');
    await runner.query(`CREATE TABLE reading_2026 PARTITION OF reading FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`);
  }

  async down(): Promise<void> {
    throw new Error('forward only');
  }
}

const schema: ServiceSchema = { name: 'notes', entities: [], migrations: [...notes.migrations, CreateTables1764000000010] };

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await startTestDatabase();
  database = await server.database(schema);
  for (const tenant of ['acme', 'acme.eu', 'globex']) {
    await database.inTenant(tenant, async (tx) => {
      for (const table of ['note', 'report', 'usage'])
        await tx.execute(`INSERT INTO ${table} (tenant_id, name) VALUES ($1, 'row')`, [tenant]);
    });
  }
});

afterAll(() => server.stop());

const tenantsIn = (tenant: string, table: string) =>
  database.inTenant(tenant, async (tx) => {
    const rows = await tx.query<{ tenant: string }>(`SELECT tenant_id AS tenant FROM ${table} ORDER BY 1`);
    return rows.map((row) => row.tenant);
  });

async function asLogin(url: string, statements: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statements);
  } finally {
    await client.end();
  }
}

describe('enableTenantIsolation', () => {
  it('refuses rows without a tenant set, in a session that never had one and in one that had', async () => {
    const { serviceUrl } = await provisionService(server.url, 'notes');
    await expect(asLogin(serviceUrl, 'SELECT * FROM note')).rejects.toThrow('no tenant is set for this transaction');
    const afterwards = `BEGIN; SELECT set_config('q2.tenant', 'acme', true); SELECT * FROM note; COMMIT; SELECT * FROM note`;
    await expect(asLogin(serviceUrl, afterwards)).rejects.toThrow('no tenant is set for this transaction');
    await expect(asLogin(serviceUrl, `INSERT INTO note (tenant_id, name) VALUES ('acme', 'x')`)).rejects.toThrow('no tenant is set');
  });

  it('binds the owner of the table too', async () => {
    await expect(asLogin(server.url, 'SET ROLE q2_notes_owner; SELECT * FROM notes.note')).rejects.toThrow('no tenant is set');
  });

  it('does not let the service empty a table, which row-level security would not prevent', async () => {
    await expect(database.inTenant('acme', (tx) => tx.execute('TRUNCATE note'))).rejects.toThrow('permission denied for table note');
  });

  it('refuses an empty tenant in a row, even from a job across tenants', async () => {
    const insert = database.acrossTenants('inbox', (tx) => tx.execute(`INSERT INTO note (tenant_id, name) VALUES ('', 'x')`));
    await expect(insert).rejects.toThrow('note_tenant_given');
  });

  it('can let a tenant read more, and then not write it', async () => {
    expect(await tenantsIn('acme', 'note')).toEqual(['acme']);
    expect(await tenantsIn('acme', 'report')).toEqual(['acme', 'acme.eu']);
    expect(await tenantsIn('acme.eu', 'report')).toEqual(['acme.eu']);
    expect(await database.inTenant('acme', (tx) => tx.execute(`DELETE FROM report WHERE tenant_id = 'acme.eu'`))).toBe(0);
  });

  it('can let a tenant write more', async () => {
    expect(await tenantsIn('acme.eu', 'usage')).toEqual(['acme', 'acme.eu']);
    const change = `UPDATE usage SET name = 'changed' WHERE tenant_id IN ('acme', 'globex')`;
    expect(await database.inTenant('acme.eu', (tx) => tx.execute(change))).toBe(1);
  });

  it.each(['', 'Note', 'notes.note', 'x; DROP TABLE note'])('refuses %p as a table', async (table) => {
    await database.acrossTenants('inbox', async (tx) => {
      const { queryRunner } = tx.manager;
      if (queryRunner === undefined) throw new Error('a transaction has a runner');
      await expect(enableTenantIsolation(queryRunner, table)).rejects.toMatchObject({ reason: 'TABLE_NAME_INVALID' });
    });
  });
});

describe('listTenantTables', () => {
  it('finds every table with a tenant, and shows the one that was forgotten', async () => {
    const tables = await database.acrossTenants('tenant-directory', (tx) => listTenantTables(tx, ['notes']));
    const isolated = { schema: 'notes', isSecured: true, isForced: true, isKeyedByTenant: true, policies: ['tenant_isolation'] };
    expect(tables).toEqual([
      { ...isolated, table: 'note' },
      { ...isolated, table: 'reading', isKeyedByTenant: false },
      { ...isolated, table: 'reading_2026', isSecured: false, isForced: false, isKeyedByTenant: false, policies: [] },
      { ...isolated, table: 'report', policies: ['tenant_isolation', 'tenant_readable'] },
      { ...isolated, table: 'usage', policies: ['tenant_isolation', 'tenant_writable'] },
    ]);
  });
});
