import { randomUUID } from 'node:crypto';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { schedules, tenants } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { SchedulerModule } from './scheduler.module.js';
import { aTrigger } from './testing/a-stored-trigger.js';
import { FakeExecutions, FakePlatformModule, FakeQuotas } from './testing/fake-platform.testing.js';

const { FiringState, TriggerState } = schedules;

const parent = 'tenants/acme';
const nameOf = (id: string) => `${parent}/triggers/${id}`;

describe('the scheduler', () => {
  let platform: TestPlatform;
  let triggers: Client<typeof schedules.TriggerService>;
  let events: Client<typeof schedules.EventService>;
  let orchestrator: FakeExecutions;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [SchedulerModule, FakePlatformModule] });
    const editor = { tenant: 'acme', roles: ['editor'] };
    triggers = platform.client(schedules.TriggerService, editor);
    events = platform.client(schedules.EventService, editor);
    orchestrator = platform.get(FakeExecutions);
    for (const tenant of ['acme', 'lister']) await activate(tenant);
  });
  afterAll(() => platform.stop());

  /** Makes a tenant known, and waits until its peers have heard of it. */
  async function activate(tenant: string): Promise<void> {
    await orchestrator.activate(tenant);
    const quotas = platform.client(tenants.QuotaService, { tenant: 'platform', roles: ['operator'] });
    while (
      await quotas.listUsage({ parent: `tenants/${tenant}` }).then(
        () => false,
        () => true,
      )
    );
  }

  async function firingsOf(id: string, wanted: (firings: schedules.Firing[]) => boolean): Promise<schedules.Firing[]> {
    const until = Date.now() + 10_000;
    for (;;) {
      const { firings } = await triggers.listFirings({ parent: nameOf(id) });
      if (wanted(firings)) return firings;
      if (Date.now() > until)
        throw new Error(`waited in vain: ${JSON.stringify(firings.map(({ state, reason, detail }) => ({ state, reason, detail })))}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const areSettled = (count: number) => (firings: schedules.Firing[]) =>
    firings.length === count && firings.every(({ state }) => state !== FiringState.PENDING);
  const onOrders = { case: 'event' as const, value: { eventTypes: ['orders.placed'] } };

  it('starts a workflow under its own identity soon after an event is emitted, once for an event', async () => {
    const action = {
      case: 'startWorkflow',
      value: { workflow: `${parent}/workflows/ship`, input: { order: '${event.data.order}' } },
    } as const;
    const condition = { case: 'event' as const, value: { eventTypes: ['orders.placed'], filter: 'event.data.total > 10' } };
    await triggers.createTrigger({ parent, triggerId: 'ship', trigger: aTrigger({ condition, action }) });
    const eventId = randomUUID();
    const order = { parent, eventId, event: { type: 'orders.placed', subject: 'order-1', data: { order: 1, total: 12 } } };
    const emitted = await events.emitEvent(order);
    expect(emitted).toMatchObject({ name: `${parent}/events/${eventId}`, source: 'tenants/acme/apiKeys/test' });
    expect((await events.emitEvent(order)).createTime).toEqual(emitted.createTime);
    await events.emitEvent({ ...order, eventId: '', event: { ...order.event, data: { order: 2, total: 3 } } });
    const [firing] = await firingsOf('ship', areSettled(1));
    const [start] = orchestrator.started;
    expect(start).toMatchObject({ parent, workflow: `${parent}/workflows/ship`, input: { order: 1 } });
    expect(firing).toMatchObject({
      state: FiringState.STARTED,
      execution: `${parent}/executions/${start?.executionId ?? ''}`,
      causeEventId: eventId,
    });
    expect(orchestrator.callers).toEqual(new Set(['services/scheduler']));
    const [ended] = await firingsOf('ship', ([only]) => only?.endTime !== undefined);
    expect(ended?.settleTime).toBeDefined();
  });

  it('refuses the same event id for another event', async () => {
    const eventId = randomUUID();
    await events.emitEvent({ parent, eventId, event: { type: 'stock.low' } });
    await expect(events.emitEvent({ parent, eventId, event: { type: 'stock.high' } })).rejects.toMatchObject({ reason: 'EVENT_EXISTS' });
  });

  it('lets nobody emit the events of the platform', async () => {
    await expect(events.emitEvent({ parent, event: { type: 'q2.models.events.v1.VersionPromoted' } })).rejects.toMatchObject({
      violations: [expect.objectContaining({ field: 'event.type' })],
    });
  });

  it('lists events by type, page by page, newest first', async () => {
    const time = timestampFromMs(Date.parse('2026-05-01T00:00:00Z'));
    for (const subject of ['a', 'b', 'c'])
      await events.emitEvent({ parent, event: { type: 'page.turned', source: 'book', subject, time } });
    const seen: schedules.Event[] = [];
    for (let pageToken = ''; ;) {
      const page = await events.listEvents({ parent, type: 'page.turned', pageSize: 2, pageToken });
      seen.push(...page.events);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen.map(({ subject }) => subject)).toEqual(['c', 'b', 'a']);
    expect(seen[0]).toMatchObject({ source: 'book', time });
  });

  it('carries the number of hops from the execution that emits', async () => {
    await triggers.createTrigger({ parent, triggerId: 'hops', trigger: aTrigger({ condition: onOrders }) });
    const { name } = await triggers.runNow({ name: nameOf('hops'), requestId: randomUUID() });
    const [first] = await firingsOf('hops', areSettled(1));
    expect(first?.name).toBe(name);
    await events.emitEvent({ parent, event: { type: 'orders.placed' }, cause: first?.execution ?? '' });
    const firings = await firingsOf('hops', areSettled(2));
    expect(firings.map(({ hops }) => hops).sort()).toEqual([0, 1]);
  });

  it('fires an interval by the real clock', async () => {
    const condition = { case: 'interval' as const, value: { every: { seconds: 1n } } };
    await triggers.createTrigger({ parent, triggerId: 'ticking', trigger: aTrigger({ condition, maxRuns: 2 }) });
    await firingsOf('ticking', areSettled(2));
    expect(await triggers.getTrigger({ name: nameOf('ticking') })).toMatchObject({ state: TriggerState.FINISHED, runCount: 2 });
    expect((await triggers.listUpcoming({ parent: nameOf('ticking') })).firings).toEqual([]);
  });

  it('says why a firing failed, and takes an execution that exists for its own', async () => {
    const start = (workflow: string) => ({ case: 'startWorkflow' as const, value: { workflow: `${parent}/workflows/${workflow}` } });
    for (const id of ['missing', 'known']) {
      await triggers.createTrigger({ parent, triggerId: id, trigger: aTrigger({ condition: onOrders, action: start(id) }) });
      await triggers.runNow({ name: nameOf(id) });
    }
    expect(await firingsOf('missing', areSettled(1))).toMatchObject([
      { state: FiringState.FAILED, reason: 'WORKFLOW_NOT_FOUND', execution: '' },
    ]);
    expect(await firingsOf('known', areSettled(1))).toMatchObject([{ state: FiringState.STARTED }]);
    expect((await triggers.listFirings({ parent: nameOf('missing'), state: FiringState.STARTED })).firings).toEqual([]);
  });

  it('keeps triggers: reads, changes with etag, pauses, resumes, deletes', async () => {
    const condition = { case: 'cron' as const, value: { expression: '0 3 * * *', timeZone: 'Europe/Berlin' } };
    const created = await triggers.createTrigger({ parent, triggerId: 'kept', trigger: aTrigger({ condition, labels: { team: 'a' } }) });
    const name = nameOf('kept');
    expect(created).toMatchObject({ name, state: TriggerState.ACTIVE, etag: '1', labels: { team: 'a' }, condition });
    expect(created.nextFireTime).toBeDefined();
    await expect(triggers.createTrigger({ parent, triggerId: 'kept', trigger: aTrigger() })).rejects.toMatchObject({
      reason: 'TRIGGER_EXISTS',
    });
    const startTime = timestampFromDate(new Date(Date.now() + 3_600_000));
    const change = aTrigger({ displayName: 'Nightly', startTime, etag: '1' });
    const mask = { paths: ['display_name', 'start_time'] };
    const updated = await triggers.updateTrigger({ name, trigger: change, updateMask: mask });
    expect(updated).toMatchObject({ displayName: 'Nightly', startTime, condition, etag: '2' });
    await expect(triggers.updateTrigger({ name, trigger: change, updateMask: mask })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    expect((await triggers.updateTrigger({ name, trigger: aTrigger() })).startTime).toBeUndefined();
    const paused = await triggers.pauseTrigger({ name });
    expect(paused.state).toBe(TriggerState.PAUSED);
    expect(paused.nextFireTime).toBeUndefined();
    expect((await triggers.resumeTrigger({ name })).nextFireTime).toBeDefined();
    expect((await triggers.resumeTrigger({ name })).state).toBe(TriggerState.ACTIVE);
    expect(platform.get(FakeQuotas).holders).toContain(`schedules ${name}`);
    await triggers.deleteTrigger({ name });
    expect(platform.get(FakeQuotas).holders).not.toContain(`schedules ${name}`);
    await expect(triggers.getTrigger({ name })).rejects.toMatchObject({ reason: 'TRIGGER_NOT_FOUND' });
    await expect(triggers.listFirings({ parent: name })).rejects.toMatchObject({ reason: 'TRIGGER_NOT_FOUND' });
  });

  it('refuses triggers that make no sense, naming each field', async () => {
    const condition = { case: 'cron' as const, value: { expression: '61 * * * *' } };
    const action = { case: 'startWorkflow' as const, value: { workflow: `${parent}/workflows/w`, input: { a: '${nonsense(}' } } };
    await expect(triggers.createTrigger({ parent, trigger: aTrigger({ condition, action }) })).rejects.toMatchObject({
      violations: [
        expect.objectContaining({ field: 'trigger.cron.expression' }),
        expect.objectContaining({ field: 'trigger.start_workflow.input.a' }),
      ],
    });
    const past = { case: 'once' as const, value: { time: timestampFromMs(0) } };
    await expect(triggers.createTrigger({ parent, trigger: aTrigger({ condition: past }) })).rejects.toMatchObject({
      violations: [expect.objectContaining({ field: 'trigger.once' })],
    });
    await expect(triggers.createTrigger({ parent })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
  });

  it('lists triggers page by page, and the next times of one or of all', async () => {
    const acme = platform.client(schedules.TriggerService, { tenant: 'lister', roles: ['editor'] });
    const condition = (expression: string) => ({ case: 'cron' as const, value: { expression } });
    const action = { case: 'emitEvent' as const, value: { eventType: 'a.b' } };
    for (const minute of [0, 20, 40]) {
      const trigger = aTrigger({ condition: condition(`${minute} * * * *`), action, maxRuns: minute === 20 ? 1 : 0 });
      await acme.createTrigger({ parent: 'tenants/lister', trigger });
    }
    const first = await acme.listTriggers({ parent: 'tenants/lister', pageSize: 2 });
    const rest = await acme.listTriggers({ parent: 'tenants/lister', pageSize: 2, pageToken: first.nextPageToken });
    expect([first.triggers.length, rest.triggers.length, rest.nextPageToken]).toEqual([2, 1, '']);
    const all = await acme.listUpcoming({ parent: 'tenants/lister', count: 7 });
    expect(all.firings).toHaveLength(7);
    expect(new Set(all.firings.map(({ trigger }) => trigger)).size).toBe(3);
    const times = all.firings.map(({ time }) => Number(time?.seconds));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const one = await acme.listUpcoming({ parent: first.triggers[0]?.name ?? '' });
    expect(one.firings).toHaveLength(10);
  });

  it('measures how far it is behind', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${platform.process.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/q2_triggers_due_lag_seconds [\d.]+/);
    expect(metrics).toMatch(/q2_firings_start_lag_seconds [\d.]+/);
  });

  it('refuses page tokens that are not its own', async () => {
    const forged = Buffer.from(JSON.stringify({ afterId: "'; --" })).toString('base64url');
    await expect(triggers.listTriggers({ parent, pageToken: forged })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    const ancient = Buffer.from(JSON.stringify({ nominalAt: '0000-01-01T00:00:00Z', key: 'k' })).toString('base64url');
    await triggers.createTrigger({ parent, triggerId: 'paging', trigger: aTrigger({ condition: onOrders }) });
    expect((await triggers.listFirings({ parent: nameOf('paging'), pageToken: ancient })).firings).toEqual([]);
  });

  it('lists firings page by page, newest first', async () => {
    await triggers.createTrigger({ parent, triggerId: 'paged', trigger: aTrigger({ condition: onOrders }) });
    for (let run = 0; run < 3; run += 1) await triggers.runNow({ name: nameOf('paged') });
    const first = await triggers.listFirings({ parent: nameOf('paged'), pageSize: 2 });
    const rest = await triggers.listFirings({ parent: nameOf('paged'), pageSize: 2, pageToken: first.nextPageToken });
    const names = [...first.firings, ...rest.firings].map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    expect(rest.nextPageToken).toBe('');
  });
});
