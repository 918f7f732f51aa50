import { createServer } from 'node:net';
import pg from 'pg';
import { ConnectionPool } from './connection-pool.js';
import { parseDatabaseUrl } from './connection-settings.js';
import { Database } from './database.js';
import { notes } from './fixtures.testing.js';
import { newId } from './new-id.js';
import { provisionService } from './provision.js';
import { startTestDatabase, type TestDatabase } from './testing/index.js';

let server: TestDatabase;
beforeAll(async () => (server = await startTestDatabase()));
afterAll(() => server.stop());

async function asLogin<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Roles belong to the whole server, so those of one run only are taken away again, from every database first. */
async function dropService(schema: string, urls = [server.url]): Promise<void> {
  const roles = `q2_${schema}, q2_${schema}_jobs, q2_${schema}_owner`;
  for (const url of urls) await asLogin(url, (client) => client.query(`DROP SCHEMA ${schema} CASCADE; DROP OWNED BY ${roles} CASCADE`));
  await asLogin(server.url, (client) => client.query(`DROP ROLE ${roles}`));
}

describe('provisionService', () => {
  it('may run for several services and replicas at once, in several databases', async () => {
    const other = await startTestDatabase();
    const suffix = newId().slice(-8);
    const schemas = [`race_a${suffix}`, `race_b${suffix}`];
    const provisioned = [server, other].flatMap(({ url }) => [...schemas, ...schemas].map((schema) => provisionService(url, schema)));
    const logins = await Promise.all(provisioned);
    expect(new Set(logins.map(({ serviceUrl }) => serviceUrl)).size).toBe(4);
    for (const { serviceUrl } of logins) {
      const rows = await asLogin(serviceUrl, async (client) => (await client.query<{ search_path: string }>('SHOW search_path')).rows);
      expect(schemas).toContain(rows[0]?.search_path);
    }
    for (const schema of schemas) await dropService(schema, [server.url, other.url]);
    await other.stop();
  });

  it('lets a job try again where its login was refused before', async () => {
    const database = await server.database({ name: 'jobless', entities: [], migrations: [] });
    const one = () => database.acrossTenants('inbox', (tx) => tx.query('SELECT 1 AS one'));
    await asLogin(server.url, (client) => client.query('ALTER ROLE q2_jobless_jobs NOLOGIN'));
    await expect(one()).rejects.toMatchObject({ reason: 'DATABASE_LOGIN_REFUSED' });
    await asLogin(server.url, (client) => client.query('ALTER ROLE q2_jobless_jobs LOGIN'));
    expect(await one()).toEqual([{ one: 1 }]);
  });

  it('gives logins that own nothing, and only that of jobs passes row-level security', async () => {
    const { serviceUrl, jobsUrl } = await provisionService(server.url, 'logins');
    const roles = await asLogin(server.url, async (client) => {
      const { rows } = await client.query<object>(
        `SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'q2\\_logins%' ORDER BY 1`,
      );
      return rows;
    });
    const plain = { rolcanlogin: true, rolsuper: false, rolbypassrls: false, rolcreaterole: false };
    expect(roles).toEqual([
      { ...plain, rolname: 'q2_logins' },
      { ...plain, rolname: 'q2_logins_jobs', rolbypassrls: true },
      { ...plain, rolname: 'q2_logins_owner', rolcanlogin: false },
    ]);
    for (const url of [serviceUrl, jobsUrl]) {
      await expect(asLogin(url, (client) => client.query('CREATE TABLE mine ()'))).rejects.toThrow('permission denied for schema logins');
    }
  });

  it('keeps the services out of each other’s schemas', async () => {
    // Both are words of SQL, which a schema may well be named by.
    await provisionService(server.url, 'inner');
    const { serviceUrl } = await provisionService(server.url, 'outer');
    const intrusion = asLogin(serviceUrl, (client) => client.query('SELECT "inner".current_tenant()'));
    await expect(intrusion).rejects.toThrow('permission denied for schema inner');
  });

  it('brings a role up to date that differs', async () => {
    const { serviceUrl } = await provisionService(server.url, 'stale');
    await asLogin(server.url, (client) => client.query(`ALTER ROLE q2_stale PASSWORD 'changed'; COMMENT ON ROLE q2_stale IS 'older'`));
    await expect(asLogin(serviceUrl, () => Promise.resolve())).rejects.toThrow('password authentication failed');
    await provisionService(server.url, 'stale');
    await asLogin(serviceUrl, (client) => client.query('SELECT 1'));
  });

  it('works for an administrator that is no superuser', async () => {
    const admin = new URL(server.url);
    const database = admin.pathname.slice(1);
    await asLogin(server.url, (client) =>
      client.query(
        `DROP ROLE IF EXISTS q2_test_admin; CREATE ROLE q2_test_admin LOGIN CREATEROLE BYPASSRLS PASSWORD 'a'; GRANT CREATE ON DATABASE ${database} TO q2_test_admin`,
      ),
    );
    admin.username = 'q2_test_admin';
    admin.password = 'a';
    await asLogin(server.url, (client) => client.query('DROP ROLE IF EXISTS q2_managed, q2_managed_jobs, q2_managed_owner'));
    const managed = await Database.connect({ url: admin.href, schema: { ...notes, name: 'managed' } });
    expect(await managed.inTenant('acme', (tx) => tx.execute(`INSERT INTO note (tenant_id, name) VALUES ('acme', 'a')`))).toBe(1);
    await managed.close();
    await dropService('managed');
    await asLogin(server.url, (client) => client.query('DROP OWNED BY q2_test_admin; DROP ROLE q2_test_admin'));
  });

  it('says what the login needs where it may not create roles', async () => {
    const { serviceUrl } = await provisionService(server.url, 'weak');
    await expect(provisionService(serviceUrl, 'weak2')).rejects.toMatchObject({
      reason: 'DATABASE_ADMIN_NEEDED',
      message: expect.stringMatching(/^the login q2_weak of DATABASE_URL may not set up the services \(.*\); it needs CREATEROLE/),
    });
  });

  it('says in one sentence that the server is not there, or refuses the login', async () => {
    const gone = new URL(server.url);
    gone.port = '1';
    await expect(provisionService(gone.href, 'models')).rejects.toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
      message: expect.stringMatching(/^the database at 127\.0\.0\.1:1\/q2_test_\d+ cannot be reached: connect ECONNREFUSED/),
    });
    const stranger = new URL(server.url);
    stranger.password = 'wrong';
    await expect(provisionService(stranger.href, 'models')).rejects.toMatchObject({
      reason: 'DATABASE_LOGIN_REFUSED',
      message: expect.stringContaining('refused the login: password authentication failed for user "postgres"'),
    });
  });
});

describe('ConnectionPool', () => {
  const options = {
    name: 'pool',
    schema: 'public',
    entities: [],
    poolSize: 1,
    maxWaiting: 0,
    acquireTimeoutMs: 100,
    statementTimeoutMs: 1_000,
  };

  it('gives its place back where no connection can be made', async () => {
    const pool = await ConnectionPool.open({ ...options, settings: parseDatabaseUrl(server.url) });
    const connection = await pool.acquire();
    await connection.release(new Error('broken'));
    const again = await pool.acquire();
    await again.release();
    await pool.close();
    await expect(pool.acquire()).rejects.toMatchObject({ reason: 'DATABASE_CLOSED' });
  });

  it('is unavailable where a server accepts connections but never answers', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => {
        const address = silent.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const settings = { host: '127.0.0.1', port, user: 'a', password: 'b', database: 'c', connectionTimeoutMillis: 100 };
    await expect(ConnectionPool.open({ ...options, settings })).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    silent.close();
  });
});
