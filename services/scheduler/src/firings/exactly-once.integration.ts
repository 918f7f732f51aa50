import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { schedules } from '@q2/contracts';
import { InvalidArgument, Unavailable } from '@q2/errors';
import { aTrigger } from '../testing/a-stored-trigger.js';
import { announced, Bench, settle, type Replica } from '../testing/bench.testing.js';
import { leaseMs } from './pending-firings.service.js';

const { FiringState, MisfirePolicy, OverlapPolicy } = schedules;
const minuteMs = 60_000;
const never = new Promise<never>(() => undefined);

describe('firing exactly once', () => {
  let bench: Bench;
  let replica: Replica;

  beforeAll(async () => {
    bench = await Bench.start();
    replica = await bench.replica();
  });
  beforeEach(() => bench.reset(replica));
  afterAll(() => bench.stop());

  const key = { tenant: 'acme', id: 'nightly' };
  const create = (more: Parameters<typeof aTrigger>[0] = {}) => replica.triggers.create(key, aTrigger(more));
  const list = () =>
    replica.firings.list({ tenant: 'acme', trigger: 'nightly', state: FiringState.UNSPECIFIED, limit: 1000, after: undefined });

  it('starts one execution for each minute of an hour, in simulated time', async () => {
    await create();
    for (let minute = 0; minute < 60; minute += 1) {
      bench.clock.advance(minuteMs);
      await settle(replica);
    }
    expect(bench.orchestrator.executions.size).toBe(60);
    expect(bench.orchestrator.calls).toBe(60);
    const firings = await list();
    expect(firings.map(({ state }) => state)).toEqual(Array.from({ length: 60 }, () => 'STARTED'));
    expect(firings[0]).toMatchObject({ key: '20260101T010000Z', attempts: 1, reason: '' });
    expect([...bench.orchestrator.executions.values()][0]?.input).toEqual({ at: '2026-01-01T00:01:00.000Z' });
    expect(await announced(replica)).toEqual(Array.from({ length: 60 }, () => 'TriggerFired'));
  });

  it('fires once each with several replicas at work on the same due triggers', async () => {
    const others = [replica, await bench.replica(), await bench.replica()];
    const ids = Array.from({ length: 40 }, (_, index) => `trigger-${index}`);
    for (const id of ids) await replica.triggers.create({ tenant: 'acme', id }, aTrigger());
    for (let minute = 0; minute < 3; minute += 1) {
      bench.clock.advance(minuteMs);
      await Promise.all(others.map(settle));
      await settle(replica);
    }
    expect(bench.orchestrator.executions.size).toBe(120);
    expect(bench.orchestrator.calls).toBe(120);
  });

  it('takes over a firing whose replica died before it started anything', async () => {
    await create();
    bench.clock.advance(minuteMs);
    await replica.due.fireDue();
    expect(await replica.pending.claim()).toHaveLength(1);
    const other = await bench.replica();
    expect(await other.pending.startPending()).toBe(0);
    bench.clock.advance(leaseMs);
    expect(await other.pending.startPending()).toBe(1);
    expect(bench.orchestrator.calls).toBe(1);
    expect((await list()).map(({ state, attempts }) => ({ state, attempts }))).toEqual([{ state: 'STARTED', attempts: 2 }]);
  });

  it('starts nothing twice where its replica died after the start and before it noted it', async () => {
    await create();
    bench.clock.advance(minuteMs);
    await replica.due.fireDue();
    bench.orchestrator.after = () => never;
    void replica.pending.startPending();
    while (bench.orchestrator.executions.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    bench.orchestrator.after = () => Promise.resolve();
    bench.clock.advance(leaseMs);
    const other = await bench.replica();
    await other.pending.startPending();
    expect(bench.orchestrator.calls).toBe(2);
    expect(bench.orchestrator.executions.size).toBe(1);
    expect(await announced(replica)).toEqual(['TriggerFired']);
  });

  it('refuses what a replica says of a firing that another has taken over', async () => {
    await create();
    bench.clock.advance(minuteMs);
    await replica.due.fireDue();
    const [late] = await replica.pending.claim();
    bench.clock.advance(leaseMs);
    const [current] = await replica.pending.claim();
    if (late === undefined || current === undefined) throw new Error('nothing was claimed');
    bench.orchestrator.before = () => Promise.reject(new InvalidArgument([]));
    await replica.pending.start(late);
    expect((await list()).map(({ state }) => state)).toEqual(['PENDING']);
    bench.orchestrator.before = () => Promise.resolve();
    await replica.pending.start(current);
    await replica.pending.start(late);
    expect((await list()).map(({ state }) => state)).toEqual(['STARTED']);
    expect(await announced(replica)).toEqual(['TriggerFired']);
  });

  it('loses nothing where a batch of due triggers is rolled back', async () => {
    await create();
    bench.clock.advance(minuteMs);
    const broken = replica.database.inTenant('acme', async () => {
      await replica.due.fireDue().catch(() => undefined);
      throw new Error('crash');
    });
    await expect(broken).rejects.toThrow('crash');
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(1);
  });

  it('never fires a time again after the clock stepped back', async () => {
    await create();
    bench.clock.advance(2 * minuteMs);
    await settle(replica);
    const fired = bench.orchestrator.executions.size;
    bench.clock.advance(-2 * minuteMs);
    await settle(replica);
    await replica.triggers.update(key, aTrigger({ displayName: 'Changed' }), ['display_name']);
    bench.clock.advance(2 * minuteMs);
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(fired);
  });

  it('tries again after failures that may pass, later each time, and gives up after the last attempt', async () => {
    await create({ maxStartAttempts: 3, maxRuns: 1 });
    bench.orchestrator.before = () => Promise.reject(new Unavailable('DOWN', 'the orchestrator is away'));
    bench.clock.advance(minuteMs);
    await settle(replica);
    expect((await list())[0]).toMatchObject({ state: 'PENDING', reason: 'DOWN', attempts: 1 });
    for (let attempt = 2; attempt <= 4; attempt += 1) {
      bench.clock.advance(10 * minuteMs);
      await settle(replica);
    }
    expect((await list())[0]).toMatchObject({ state: 'FAILED', reason: 'DOWN', detail: 'the orchestrator is away', attempts: 3 });
  });

  it('fails at once where trying again cannot help', async () => {
    await create({ maxRuns: 1 });
    bench.orchestrator.before = () => Promise.reject(InvalidArgument.field('input', 'is wrong'));
    bench.clock.advance(minuteMs);
    await settle(replica);
    expect(await list()).toMatchObject([{ state: 'FAILED', reason: 'INVALID_FIELDS', attempts: 1 }]);
  });

  it('skips while an execution runs where nothing may overlap', async () => {
    await create({ overlapPolicy: OverlapPolicy.SKIP });
    bench.clock.advance(minuteMs);
    await settle(replica);
    bench.clock.advance(minuteMs);
    await settle(replica);
    expect((await list()).map(({ state, reason }) => ({ state, reason }))).toEqual([
      { state: 'SKIPPED', reason: 'OVERLAP' },
      { state: 'STARTED', reason: '' },
    ]);
    expect(await announced(replica)).toEqual(['TriggerFired', 'FiringSkipped']);
    expect(await replica.triggers.get(key)).toMatchObject({ runCount: 1 });
  });

  it('stops after max_runs, with nothing left to come', async () => {
    await create({ maxRuns: 2 });
    bench.clock.advance(minuteMs);
    await settle(replica);
    for (let minute = 0; minute < 5; minute += 1) {
      bench.clock.advance(minuteMs);
      await settle(replica);
    }
    expect(bench.orchestrator.executions.size).toBe(2);
    expect(await replica.triggers.get(key)).toMatchObject({ runCount: 2, nextFireAt: undefined });
    await expect(replica.triggers.runNow(key, 'again')).rejects.toMatchObject({ reason: 'TRIGGER_USED_UP' });
  });

  it.each([
    [MisfirePolicy.RUN_ALL, 180],
    [MisfirePolicy.RUN_ONE, 1],
    [MisfirePolicy.NONE, 0],
  ])('makes up for an outage of three hours by misfire policy %s', async (misfirePolicy, expected) => {
    await create({ misfirePolicy });
    bench.clock.set('2026-01-01T03:00:45Z');
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(expected);
    const missed = (await announced(replica)).filter((type) => type === 'FiringMissed');
    expect(missed.length > 0).toBe(misfirePolicy !== MisfirePolicy.RUN_ALL);
    expect((await replica.triggers.get(key)).nextFireAt?.toISOString()).toBe('2026-01-01T03:01:00.000Z');
  });

  it('makes up for nothing older than the catch-up window', async () => {
    await create({ misfirePolicy: MisfirePolicy.RUN_ALL, catchUpWindow: durationFromMs(10 * minuteMs) });
    bench.clock.set('2026-01-01T03:00:00Z');
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(11);
    expect((await announced(replica))[0]).toBe('FiringMissed');
  });

  it('fires nothing while paused, and from now on after', async () => {
    await create();
    await replica.triggers.pause(key);
    bench.clock.advance(10 * minuteMs);
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(0);
    expect((await replica.triggers.resume(key)).nextFireAt?.toISOString()).toBe('2026-01-01T00:11:00.000Z');
    bench.clock.advance(minuteMs);
    await settle(replica);
    expect(bench.orchestrator.executions.size).toBe(1);
  });

  it('emits an event once where that is the action', async () => {
    const value = { eventType: 'nightly.due', subject: 'job ${trigger.id}', data: { at: '${firing.time}', hops: '${firing.hops}' } };
    await create({ action: { case: 'emitEvent', value } });
    bench.clock.advance(minuteMs);
    await Promise.all([settle(replica), settle(await bench.replica())]);
    const events = await replica.emitted.list('acme', { type: '', limit: 10, after: undefined });
    expect(events).toMatchObject([
      { type: 'nightly.due', subject: 'job nightly', source: 'tenants/acme/triggers/nightly', data: { hops: 0 }, hops: 1 },
    ]);
    const [firing] = await list();
    expect(firing).toMatchObject({
      state: 'STARTED',
      emitted_event: `tenants/acme/events/${events[0]?.id ?? ''}`,
      ended_at: bench.clock.now(),
    });
    expect(await announced(replica)).toEqual(['TriggerFired', 'EventEmitted']);
  });

  it('drops what a deleted trigger had left to start', async () => {
    await create();
    bench.clock.advance(minuteMs);
    await replica.due.fireDue();
    const [claimed] = await replica.pending.claim();
    await replica.triggers.delete(key);
    if (claimed !== undefined) await replica.pending.start(claimed);
    expect(await replica.pending.startPending()).toBe(0);
    expect(await announced(replica)).toEqual([]);
  });

  it('creates no more triggers than the plan allows, and gives back what a deleted one held', async () => {
    bench.quota.limit = 1;
    await create();
    await expect(create()).rejects.toMatchObject({ reason: 'TRIGGER_EXISTS' });
    const other = { tenant: 'acme', id: 'other' };
    await expect(replica.triggers.create(other, aTrigger())).rejects.toMatchObject({ reason: 'QUOTA_EXCEEDED' });
    await expect(replica.triggers.get(other)).rejects.toMatchObject({ reason: 'TRIGGER_NOT_FOUND' });
    await replica.triggers.delete(key);
    await replica.triggers.create(other, aTrigger());
    expect([...bench.quota.holders]).toEqual(['tenants/acme/triggers/other']);
  });

  it('knows when to look again', async () => {
    expect(await replica.due.nextDueAt()).toBeUndefined();
    expect(await replica.pending.nextAttemptAt()).toBeUndefined();
    await create();
    expect((await replica.due.nextDueAt())?.toISOString()).toBe('2026-01-01T00:01:00.000Z');
    bench.clock.advance(minuteMs);
    await replica.due.fireDue();
    expect(await replica.pending.nextAttemptAt()).toEqual(bench.clock.now());
  });

  it('records a failure where templates cannot be filled in', async () => {
    const value = { workflow: 'tenants/acme/workflows/nightly', input: { model: '${event.data.model}' } };
    await create({ action: { case: 'startWorkflow', value } });
    bench.clock.advance(minuteMs);
    await settle(replica);
    expect(await list()).toMatchObject([{ state: 'FAILED', reason: 'EXPRESSION_FAILED', attempts: 0 }]);
  });
});
