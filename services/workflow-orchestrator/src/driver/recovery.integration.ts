import { workflows } from '@q2/contracts';
import { action, Bench, eventually } from '../testing/bench.testing.js';
import { ActionDriver } from './action-driver.service.js';
import { ExecutionDriver } from './execution-driver.service.js';

const { ExecutionState } = workflows;
const waiting = { case: 'wait', value: { until: { case: 'duration', value: { nanos: 150_000_000 } } } } as const;

describe('an orchestrator that dies', () => {
  let first: Bench;
  let second: Bench;

  beforeAll(async () => {
    first = await Bench.start();
    second = await Bench.start(first.platform.databaseUrl);
  });
  afterAll(async () => {
    await second.platform.stop();
    await first.platform.stop();
  });

  /** Every replica stops looking for work, so that the test alone decides who claims. */
  async function still(): Promise<void> {
    for (const { platform } of [first, second]) await platform.get(ExecutionDriver).beforeApplicationShutdown();
  }

  it('has its executions taken over when its lease ends, and what it still writes is refused', async () => {
    await still();
    const { name } = await first.run('abandoned', [
      { id: 'w', work: waiting },
      { id: 'end', needs: ['w'], work: action('noop') },
    ]);
    const [mine, theirs] = [first.platform.get(ExecutionDriver), second.platform.get(ExecutionDriver)];
    const [abandoned] = await eventually(
      () => mine.claim(),
      (claims) => claims.length > 0,
    );
    expect(await theirs.claim()).toEqual([]);
    const [taken] = await eventually(
      () => theirs.claim(),
      (claims) => claims.length > 0,
    );
    expect(taken).toEqual({ ...abandoned, fence: (abandoned?.fence ?? 0) + 1 });
    if (abandoned === undefined || taken === undefined) throw new Error('nothing was claimed');
    expect(await mine.carry(abandoned)).toBe(false);
    expect(await first.executions.getExecution({ name })).toMatchObject({ state: ExecutionState.RUNNING });
    expect(await theirs.carry(taken)).toBe(true);
    expect((await second.executions.getExecution({ name })).state).toBe(ExecutionState.SUCCEEDED);
    expect(await mine.carry(abandoned)).toBe(false);
    expect(await second.history(name)).toEqual([
      ...['EXECUTION_STARTED', 'STEP_STARTED w', 'STEP_SUCCEEDED w', 'STEP_STARTED end', 'STEP_SUCCEEDED end', 'EXECUTION_SUCCEEDED'],
    ]);
  });

  it('has its actions done by another, with the same request_id', async () => {
    await first.platform.get(ActionDriver).beforeApplicationShutdown();
    await second.platform.get(ActionDriver).beforeApplicationShutdown();
    const { name } = await first.run('action', [{ id: 'ack', work: action('alerts.acknowledge', { name: 'tenants/acme/alerts/a' }) }]);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    // A replica begins the action and goes away in the middle of it, while monitoring is still at it.
    const third = await Bench.start(first.platform.databaseUrl);
    third.alerts.gate = gate;
    await eventually(
      () => third.alerts.acknowledged,
      (calls) => calls.length === 1,
    );
    const stopping = third.platform.stop();
    const fourth = await Bench.start(first.platform.databaseUrl);
    open();
    await fourth.until({ name }, ExecutionState.SUCCEEDED);
    await stopping;
    const calls = [...third.alerts.acknowledged, ...fourth.alerts.acknowledged];
    expect(new Set(calls.map(({ requestId }) => requestId)).size).toBe(1);
    await fourth.platform.stop();
  });

  it('loses nothing of many executions that several replicas move at once', async () => {
    const replicas = [await Bench.start(first.platform.databaseUrl), await Bench.start(first.platform.databaseUrl)];
    const workflow = await first.define('many', [
      { id: 'w', work: { case: 'wait', value: { until: { case: 'duration', value: { nanos: 30_000_000 } } } } },
      {
        id: 'bad',
        needs: ['w'],
        retry: { maxAttempts: 2, initialInterval: { nanos: 10_000_000 } },
        continueOnFailure: true,
        work: action('fail'),
      },
      { id: 'end', needs: ['bad'], work: action('noop') },
    ]);
    const started = await Promise.all(
      Array.from({ length: 40 }, () => first.executions.startExecution({ parent: 'tenants/acme', workflow })),
    );
    for (const execution of started) await first.until(execution, ExecutionState.SUCCEEDED);
    const histories = await Promise.all(started.map(({ name }) => first.history(name)));
    expect(new Set(histories.map((history) => history.join('|'))).size).toBe(1);
    for (const { platform } of replicas) await platform.stop();
  }, 30_000);
});
