import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { tenants } from '@q2/contracts';
import pg from 'pg';
import { startTestPlatform, type TestPlatform, type TestPrincipal } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { eventually } from '../testing/event-recorder.testing.js';
import { aTenant, operator } from '../testing/tenant-builder.testing.js';
import { entryHash, genesisHash } from './audit-entry.js';

let platform: TestPlatform;
const audit = (as: TestPrincipal = operator) => platform.client(tenants.AuditService, as);
const rename = (tenant: string, displayName: string) =>
  platform
    .client(tenants.TenantService, operator)
    .updateTenant({ tenant: { name: `tenants/${tenant}`, displayName }, updateMask: { paths: ['display_name'] } });

/** A tenant whose log has this many entries: its activation, and changes of its name. */
async function aTenantWithLog(id: string, entries: number): Promise<string> {
  await aTenant(platform, id);
  for (let count = 1; count < entries; count += 1) await rename(id, `name ${count}`);
  const parent = `tenants/${id}`;
  await eventually(async () => expect((await audit().listEntries({ parent })).entries).toHaveLength(entries));
  return parent;
}

/** Changes a log behind the platform's back, as who owns the server can. */
const tamper = (statement: string) =>
  asAdministrator(
    'alter table tenants.audit_entries disable trigger all',
    statement,
    'alter table tenants.audit_entries enable trigger all',
  );

/** Runs statements as the server's administrator, whom neither row-level security nor grants bind. */
async function asAdministrator(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client(platform.databaseUrl);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule] });
});
afterAll(() => platform.stop());

describe('the audit log', () => {
  it('has every audited call, the newest first, chained from the first on', async () => {
    const parent = await aTenantWithLog('log-1', 3);
    const { entries } = await audit().listEntries({ parent });
    expect(entries.map(({ sequence, method }) => [sequence, method])).toEqual([
      [3n, 'q2.tenants.v1.TenantService/UpdateTenant'],
      [2n, 'q2.tenants.v1.TenantService/UpdateTenant'],
      [1n, 'q2.tenants.v1.TenantService/ActivateTenant'],
    ]);
    const first = entries[2];
    expect(first).toMatchObject({
      name: 'tenants/log-1/auditEntries/1',
      service: 'q2.tenants.v1.TenantService',
      principal: 'tenants/platform/apiKeys/test',
      resource: parent,
      code: 'OK',
      previousHash: genesisHash,
    });
    const hash = entryHash(genesisHash, { sequence: 1, eventId: first?.eventId ?? '', content: first?.contentJson ?? '' });
    expect(first?.hash).toBe(hash);
    expect(entries[1]?.previousHash).toBe(hash);
    expect(await audit().verifyLog({ parent })).toMatchObject({
      intact: true,
      entryCount: 3n,
      headHash: entries[0]?.hash,
      firstBadSequence: 0n,
      problem: '',
    });
  });

  it('is intact where nothing was done yet', async () => {
    await platform
      .client(tenants.TenantService, operator)
      .createTenant({ parent: 'tenants/platform', tenantId: 'log-2', tenant: { displayName: 'x' } });
    expect(await audit().verifyLog({ parent: 'tenants/log-2' })).toMatchObject({ intact: true, entryCount: 0n, headHash: genesisHash });
  });

  it('is found by time and method, page by page', async () => {
    const parent = await aTenantWithLog('log-3', 4);
    const { entries } = await audit().listEntries({ parent });
    const [fourth, third] = entries;
    const list = async (query: object) => (await audit().listEntries({ parent, ...query })).entries.map(({ sequence }) => sequence);
    expect(await list({ startTime: third?.callTime })).toEqual([4n, 3n]);
    expect(await list({ endTime: fourth?.callTime })).toEqual([3n, 2n, 1n]);
    expect(await list({ startTime: timestampFromDate(new Date(Date.now() + 60_000)) })).toEqual([]);
    expect(await list({ method: 'q2.tenants.v1.TenantService/ActivateTenant' })).toEqual([1n]);
    const page = await audit().listEntries({ parent, pageSize: 3 });
    expect(await list({ pageSize: 3, pageToken: page.nextPageToken })).toEqual([1n]);
  });

  it('has no gaps and no doubles, however many calls come at once', async () => {
    await aTenant(platform, 'log-4');
    await Promise.all(Array.from({ length: 30 }, (_, count) => rename('log-4', `name ${count}`)));
    const parent = 'tenants/log-4';
    await eventually(async () => expect((await audit().listEntries({ parent })).entries).toHaveLength(31));
    expect(await audit().verifyLog({ parent })).toMatchObject({ intact: true, entryCount: 31n });
  });

  it('belongs to its tenant alone, and to its admins', async () => {
    const parent = await aTenantWithLog('log-5', 1);
    await aTenant(platform, 'log-6');
    expect((await audit({ tenant: 'log-5', roles: ['admin'] }).listEntries({ parent })).entries).toHaveLength(1);
    await expect(audit({ tenant: 'log-5', roles: ['editor'] }).listEntries({ parent })).rejects.toThrow(
      expect.objectContaining({ reason: 'PERMISSION_MISSING' }),
    );
    await expect(audit({ tenant: 'log-6', roles: ['admin'] }).listEntries({ parent })).rejects.toThrow(
      expect.objectContaining({ reason: 'TENANT_NOT_REACHABLE' }),
    );
  });

  it('cannot be changed by the service, nor by the owner of its tables', async () => {
    await aTenantWithLog('log-7', 1);
    for (const role of ['q2_tenants', 'q2_tenants_jobs', 'q2_tenants_owner']) {
      const start = `begin; set local role ${role}; set local search_path = tenants; select set_config('q2.tenant', 'log-7', true);`;
      for (const change of ["update audit_entries set content = '{}'", 'delete from audit_entries']) {
        await expect(asAdministrator(start, change)).rejects.toThrow('append-only');
      }
    }
  });
});

describe('VerifyLog', () => {
  it.each([
    [
      'changed content',
      `update tenants.audit_entries set content = replace(content, 'UpdateTenant', 'GetTenant') where %s and sequence = 3`,
      3n,
    ],
    ['a changed event id', `update tenants.audit_entries set event_id = 'other' where %s and sequence = 2`, 2n],
    ['an entry taken out', `delete from tenants.audit_entries where %s and sequence = 2`, 2n],
    ['entries cut off at the end', `delete from tenants.audit_entries where %s and sequence >= 4`, 4n],
    [
      'an entry added at the end',
      `insert into tenants.audit_entries select tenant_id, 6, 'more', content, hash, hash from tenants.audit_entries where %s and sequence = 5`,
      6n,
    ],
    ['a head that was taken away', `delete from tenants.audit_heads where %s`, 1n],
  ])('names the first bad entry: %s', async (what, statement, sequence) => {
    const id = `bad-${what.replaceAll(' ', '-')}`;
    const parent = await aTenantWithLog(id, 5);
    await tamper(statement.replace('%s', `tenant_id = '${id}'`));
    expect(await audit().verifyLog({ parent })).toMatchObject({
      intact: false,
      firstBadSequence: sequence,
      problem: expect.stringMatching(/./),
    });
  });
});
