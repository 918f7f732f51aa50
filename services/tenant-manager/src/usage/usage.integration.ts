import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, Module } from '@nestjs/common';
import { auditEvents, tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { Outbox } from '@q2/events';
import { ServiceModule } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { eventually } from '../testing/event-recorder.testing.js';
import { aTenant } from '../testing/tenant-builder.testing.js';

/** A service that reports use, as model-registry does for predictions. */
@Injectable()
class Reporter {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  report(tenant: string, use: { resource: string; quantity: bigint; time?: string }): Promise<void> {
    const { resource, quantity, time } = use;
    const data = { tenant, resource, quantity, ...(time && { time: timestampFromDate(new Date(time)) }) };
    return this.database.inTenant(tenant, (tx) =>
      this.outbox.add(tx, { type: auditEvents.UsageRecordedSchema, key: `tenants/${tenant}`, data }),
    );
  }
}

@Module({
  imports: [ServiceModule.register({ name: 'reporter', schema: { name: 'reporter', entities: [], migrations: [] } })],
  providers: [Reporter],
})
class ReporterModule {}

let platform: TestPlatform;
const reporter = () => platform.get(Reporter);
const usage = (tenant: string, query: object = {}) =>
  platform.client(tenants.UsageService, { tenant, roles: ['viewer'] }).getUsage({ parent: `tenants/${tenant}`, ...query });
const at = (time: string) => timestampFromDate(new Date(time));

beforeAll(async () => {
  platform = await startTestPlatform({ modules: [TenantManagerModule, ReporterModule] });
});
afterAll(() => platform.stop());

describe('GetUsage', () => {
  it('adds up use by resource and hour of its own time, page by page', async () => {
    await aTenant(platform, 'use-1');
    const range = { startTime: at('2026-03-01T00:00:00Z'), endTime: at('2026-03-02T00:00:00Z') };
    const times = ['2026-03-01T10:59:59.999Z', '2026-03-01T11:00:00Z', '2026-03-01T10:00:00Z'];
    for (const time of times) await reporter().report('use-1', { resource: 'predictions', quantity: 2n, time });
    await reporter().report('use-1', { resource: 'workflow-steps', quantity: 5n, time: '2026-03-01T10:30:00Z' });
    const expected = [
      { resource: 'predictions', startTime: at('2026-03-01T10:00:00Z'), quantity: 4n },
      { resource: 'workflow-steps', startTime: at('2026-03-01T10:00:00Z'), quantity: 5n },
      { resource: 'predictions', startTime: at('2026-03-01T11:00:00Z'), quantity: 2n },
    ];
    await eventually(async () => expect((await usage('use-1', range)).hours).toMatchObject(expected));
    const page = await usage('use-1', { ...range, pageSize: 2 });
    const rest = await usage('use-1', { ...range, pageSize: 2, pageToken: page.nextPageToken });
    expect([...page.hours, ...rest.hours]).toMatchObject(expected);
    expect(rest.nextPageToken).toBe('');
    expect((await usage('use-1', { ...range, resource: 'workflow-steps' })).hours).toMatchObject([expected[1]]);
    expect((await usage('use-1')).hours).toEqual([]);
  });

  it('counts a report without time in the hour that it was made, never less than nothing, and caps what a message can hold', async () => {
    await aTenant(platform, 'use-2');
    const time = '2026-03-01T10:00:00Z';
    for (const quantity of [-1n, 2n ** 63n - 1n, 1n]) await reporter().report('use-2', { resource: 'predictions', quantity, time });
    await reporter().report('use-2', { resource: 'done', quantity: 1n });
    await eventually(async () => expect((await usage('use-2')).hours.map(({ resource }) => resource)).toContain('done'));
    const range = { startTime: at(time), endTime: at('2026-03-01T11:00:00Z') };
    expect((await usage('use-2', range)).hours.map(({ quantity }) => quantity)).toEqual([2n ** 63n - 1n]);
  });

  it('is of no other tenant', async () => {
    await aTenant(platform, 'use-3');
    await reporter().report('use-3', { resource: 'predictions', quantity: 1n });
    await eventually(async () => expect((await usage('use-3')).hours).toHaveLength(1));
    await aTenant(platform, 'use-4');
    expect((await usage('use-4')).hours).toEqual([]);
  });
});
