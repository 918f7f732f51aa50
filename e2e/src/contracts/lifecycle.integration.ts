import { allServices, methodPolicy, tenants } from '@q2/contracts';
import { listTenantTables, provisionService } from '@q2/database';
import pg from 'pg';
import { until } from '../demo/patience.js';
import { liveThrough } from './whole-lifecycle.js';
import { nameOf, Replay } from './replay.js';
import { acme, globex, operator, startWholePlatform, type WholePlatform } from './whole-platform.js';

const mutations = allServices
  .flatMap((service) => service.methods)
  .filter((method) => method.methodKind === 'unary' && method.input.fields.some(({ name }) => name === 'request_id'));
const schemas = ['tenants', 'models', 'experiments', 'monitoring', 'workflows', 'schedules'];

/** Runs SQL on a connection of its own and closes it. */
async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe('a tenant that used everything', () => {
  let whole: WholePlatform;
  let replay: Replay;

  beforeAll(async () => {
    whole = await startWholePlatform();
    replay = new Replay(whole.caller, () => whole.platform.token(operator));
    await liveThrough(replay, whole.platform);
  }, 180_000);
  afterAll(() => whole.stop());

  it('has made every mutation of the platform, each three times at once with one effect and one answer', () => {
    expect(mutations.map(nameOf).filter((name) => !replay.seen.has(name))).toEqual([]);
  });

  it('finds each audited call once in its audit log, which verifies', async () => {
    const audit = whole.platform.client(tenants.AuditService, operator);
    const expected = new Map(
      [...replay.seen].filter(([name]) => mutations.some((method) => nameOf(method) === name && methodPolicy(method).audited)),
    );
    const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
    const counted = await until('the audit log', async () => {
      const counts = new Map<string, number>();
      for (const tenant of [acme, 'acme-labs', 'platform']) {
        const { entries } = await audit.listEntries({ parent: `tenants/${tenant}`, pageSize: 1000 });
        for (const { service, method } of entries) {
          const name = method.includes('/') ? method : `${service}/${method}`;
          if (expected.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
        }
      }
      const sum = [...counts.values()].reduce((all, count) => all + count, 0);
      return sum >= total ? counts : undefined;
    });
    // The two tenants were created and activated without the replay; those calls are in the log too.
    for (const method of ['CreateTenant', 'ActivateTenant']) {
      counted.delete(`q2.tenants.v1.TenantService/${method}`);
      expected.delete(`q2.tenants.v1.TenantService/${method}`);
    }
    expect(Object.fromEntries([...counted].sort())).toEqual(Object.fromEntries([...expected].sort()));
    expect(await audit.verifyLog({ parent: `tenants/${acme}` })).toMatchObject({ intact: true });
  });

  it('leaves tables that are all isolated: secured, forced, keyed by tenant', async () => {
    const tables = await connected(whole.platform.databaseUrl, (client) =>
      listTenantTables({ query: async (sql, params) => (await client.query(sql, params ? [...params] : [])).rows }, schemas),
    );
    expect(tables.length).toBeGreaterThan(25);
    expect(tables.filter((table) => !table.isSecured || !table.isForced || !table.isKeyedByTenant || table.policies.length === 0)).toEqual(
      [],
    );
  });

  it.each(schemas)(
    'shows no row of %s to another tenant, takes none for it, and answers an error where no tenant is set',
    async (schema) => {
      const admin = whole.platform.databaseUrl;
      const logins = await provisionService(admin, schema);
      const tables = await connected(admin, async (client) => {
        const { rows } = await client.query<{ table: string; sample: unknown }>(
          `select c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where n.nspname = $1 and c.relkind in ('r', 'p')`,
          [schema],
        );
        for (const row of rows) {
          const found = await client.query<{ sample: unknown }>(
            `select to_jsonb(t) as sample from ${schema}.${row.table} t where tenant_id = $1 limit 1`,
            [acme],
          );
          row.sample = found.rows[0]?.sample;
        }
        return rows;
      });
      expect(tables.some(({ sample }) => sample !== undefined)).toBe(true);
      await connected(logins.serviceUrl, async (client) => {
        for (const { table, sample } of tables) {
          await expect(client.query(`select 1 from ${schema}.${table}`)).rejects.toThrow(/tenant/);
          await client.query(`select set_config('q2.tenant', $1, false)`, [globex]);
          const seen = await client.query(`select 1 from ${schema}.${table} where tenant_id = $1`, [acme]);
          expect({ table, rows: seen.rowCount }).toEqual({ table, rows: 0 });
          if (sample !== undefined) {
            const insert = client.query(
              `insert into ${schema}.${table} overriding system value select (jsonb_populate_record(null::${schema}.${table}, $1)).*`,
              [JSON.stringify(sample)],
            );
            await expect(insert).rejects.toThrow(/row-level security|permission denied/);
          }
          await client.query(`select set_config('q2.tenant', '', false)`);
        }
      });
    },
  );
});
