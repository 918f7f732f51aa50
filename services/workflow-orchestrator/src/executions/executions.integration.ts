import { randomUUID } from 'node:crypto';
import { workflows } from '@q2/contracts';
import { FailedPrecondition, Unavailable } from '@q2/errors';
import { action, Bench, eventually, type StepInit, task } from '../testing/bench.testing.js';
import { TestWorker } from '../testing/worker.testing.js';

const { ExecutionState, StepStatus, NeedsRule } = workflows;

describe('executions', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.platform.stop());

  it('run from start to output, and keep their history', async () => {
    const started = await bench.run(
      'add',
      [
        { id: 'sum', work: action('transform', { total: '${input.a + input.b}' }) },
        { id: 'note', needs: ['sum'], work: action('context.set', { total: '${steps.sum.output.total}' }) },
        { id: 'never', needs: ['sum'], when: { kind: { case: 'expression', value: 'input.a > 100' } }, work: action('fail') },
      ],
      { output: { kind: { case: 'stringValue', value: '${context.total}' } }, input: { a: 40, b: 2 } },
    );
    expect(started).toMatchObject({
      state: ExecutionState.SUCCEEDED,
      starter: 'tenants/acme/apiKeys/test',
      output: { kind: { value: 42 } },
    });
    expect(started.steps.map(({ step, status }) => [step, status])).toEqual([
      ['sum', StepStatus.SUCCEEDED],
      ['note', StepStatus.SUCCEEDED],
      ['never', StepStatus.SKIPPED],
    ]);
    expect(await bench.history(started.name)).toEqual([
      ...['EXECUTION_STARTED', 'STEP_STARTED sum', 'STEP_SUCCEEDED sum', 'STEP_STARTED note', 'STEP_SUCCEEDED note'],
      ...['STEP_SKIPPED never', 'EXECUTION_SUCCEEDED'],
    ]);
    expect(await bench.history(started.name, 5n)).toEqual(['STEP_SKIPPED never', 'EXECUTION_SUCCEEDED']);
  });

  it('begin once for one request_id, and once for one id', async () => {
    const workflow = await bench.define('once', [{ id: 'a', work: action('noop') }]);
    const request = { parent: 'tenants/acme', workflow, executionId: 'only', requestId: randomUUID() };
    const [first, second] = await Promise.all([bench.executions.startExecution(request), bench.executions.startExecution(request)]);
    expect(second).toEqual(first);
    await expect(bench.executions.startExecution({ ...request, requestId: randomUUID() })).rejects.toMatchObject({
      reason: 'EXECUTION_EXISTS',
    });
  });

  it('finish on the version that they began with', async () => {
    const wait = { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } as const;
    const first = await bench.run('versioned', [
      { id: 'w', work: wait },
      { id: 'v', needs: ['w'], work: action('transform', { version: 1 }) },
    ]);
    await bench.define('versioned', [{ id: 'v', work: action('transform', { version: 2 }) }]);
    const signalled = await bench.executions.signalExecution({ name: first.name, signal: 'go', payload: { by: 'ada' } });
    expect(signalled.workflow).toBe('tenants/acme/workflows/versioned/versions/1');
    expect(signalled.steps.map(({ output }) => output?.kind.value)).toMatchObject([
      { fields: { by: {} } },
      { fields: { version: { kind: { value: 1 } } } },
    ]);
  });

  it('call other services as the orchestrator, with a request_id that every attempt shares', async () => {
    const before = bench.alerts.acknowledged.length;
    bench.alerts.failures.push(
      new Unavailable('AWAY', 'monitoring is away', {}, { retryAfterMs: 20 }),
      new FailedPrecondition('NOT_YET', 'not yet'),
    );
    const started = await bench.run(
      'acknowledge',
      [
        {
          id: 'ack',
          retry: { maxAttempts: 2, initialInterval: { nanos: 20_000_000 } },
          work: action('alerts.acknowledge', { name: 'tenants/acme/alerts/${input.alert}', comment: 'seen' }),
        },
      ],
      { input: { alert: 'a1' } },
    );
    const ended = await bench.until(started, ExecutionState.SUCCEEDED);
    expect(ended.steps[0]).toMatchObject({
      attempts: 2,
      output: { kind: { value: { fields: { name: { kind: { value: 'tenants/acme/alerts/a1' } } } } } },
    });
    const calls = bench.alerts.acknowledged.slice(before);
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map(({ requestId }) => requestId)).size).toBe(1);
    expect(calls[0]).toMatchObject({ by: 'services/workflow-orchestrator', comment: 'seen' });
  });

  it('cannot act outside their tenant, whatever their input says', async () => {
    const started = await bench.run('outside', [{ id: 'ack', work: action('alerts.acknowledge', { name: '${input.name}' }) }], {
      input: { name: 'tenants/globex/alerts/a1' },
    });
    const ended = await bench.until(started, ExecutionState.FAILED);
    expect(ended.failure).toMatchObject({ step: 'ack', reason: 'ACTION_OUTSIDE_TENANT' });
    expect(bench.alerts.acknowledged.filter(({ name }) => name.startsWith('tenants/globex'))).toEqual([]);
  });

  it('fail with the reason that a service gives, or that its input is malformed', async () => {
    const resolve = await bench.run('resolve', [{ id: 'a', work: action('alerts.resolve', { name: 'tenants/acme/alerts/none' }) }]);
    expect((await bench.until(resolve, ExecutionState.FAILED)).failure).toMatchObject({ step: 'a', reason: 'ALERT_NOT_FOUND' });
    const malformed = await bench.run('malformed', [{ id: 'a', work: action('alerts.resolve', { name: '${5}' }) }]);
    expect((await bench.until(malformed, ExecutionState.FAILED)).failure).toMatchObject({ step: 'a', reason: 'INVALID_FIELDS' });
  });

  it('repeat by time, wait by time, and time out', async () => {
    const started = await bench.run('timed', [
      {
        id: 'bad',
        continueOnFailure: true,
        retry: { maxAttempts: 3, initialInterval: { nanos: 10_000_000 }, jitter: 0.5 },
        work: action('fail', { reason: 'NO' }),
      },
      { id: 'w', work: { case: 'wait', value: { until: { case: 'duration', value: { nanos: 50_000_000 } } } } },
      { id: 'slow', needs: ['bad', 'w'], timeout: { nanos: 50_000_000 }, work: task('nobody') },
    ]);
    const ended = await bench.until(started, ExecutionState.FAILED);
    expect(ended.failure).toMatchObject({ step: 'slow', reason: 'TIMEOUT' });
    expect(ended.steps.map(({ step, attempts }) => [step, attempts])).toEqual([
      ['bad', 3],
      ['w', 0],
      ['slow', 1],
    ]);
  });

  it('hear platform events that their steps wait for', async () => {
    const started = await bench.run(
      'listen',
      [
        {
          id: 'w',
          work: {
            case: 'wait',
            value: {
              until: {
                case: 'event',
                value: {
                  type: 'q2.workflows.events.v1.EventEmitted',
                  filter: { kind: { case: 'expression', value: 'event.data.type == input.type' } },
                },
              },
            },
          },
        },
      ],
      { input: { type: 'report.ready' } },
    );
    expect(started.steps[0]?.status).toBe(StepStatus.WAITING);
    await bench.run('emit', [
      { id: 'other', work: action('event.emit', { type: 'report.late' }) },
      { id: 'e', work: action('event.emit', { type: 'report.ready' }) },
    ]);
    const ended = await bench.until(started, ExecutionState.SUCCEEDED);
    expect(ended.steps[0]?.output?.kind.value).toMatchObject({
      fields: { data: { kind: { value: { fields: { step: { kind: { value: 'e' } } } } } } },
    });
  });

  it('pause and resume, and refuse both once they have ended', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['pausing'] });
    const { name } = await bench.run('pausing', [
      { id: 'a', work: task('pausing') },
      { id: 'b', needs: ['a'], work: task('pausing') },
    ]);
    expect((await bench.executions.pauseExecution({ name })).state).toBe(ExecutionState.PAUSED);
    worker.complete(await worker.task('a'));
    await eventually(
      () => worker.acknowledged,
      (acknowledged) => acknowledged.length === 1,
    );
    expect(
      (await bench.executions.listExecutions({ parent: 'tenants/acme', state: ExecutionState.PAUSED })).executions.map(
        (found) => found.name,
      ),
    ).toEqual([name]);
    expect((await bench.executions.resumeExecution({ name })).state).toBe(ExecutionState.RUNNING);
    worker.complete(await worker.task('b'));
    await bench.until({ name }, ExecutionState.SUCCEEDED);
    await expect(bench.executions.pauseExecution({ name })).rejects.toMatchObject({ reason: 'EXECUTION_STATE' });
    await expect(bench.executions.retryFromFailure({ name })).rejects.toThrow('only one that failed can be retried');
    worker.die();
  });

  it('are cancelled once, and their tasks with them', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['cancelled'] });
    const { name } = await bench.run('cancelled', [
      { id: 'a', work: task('cancelled') },
      { id: 'b', needs: ['a'], needsRule: NeedsRule.ALL_DONE, work: action('noop') },
    ]);
    const given = await worker.task('a');
    expect((await bench.executions.cancelExecution({ name, reason: 'enough' })).state).toBe(ExecutionState.CANCELLED);
    await eventually(
      () => worker.revoked,
      (revoked) => revoked.includes(given.name),
    );
    expect((await bench.executions.cancelExecution({ name })).state).toBe(ExecutionState.CANCELLED);
    await expect(bench.executions.signalExecution({ name, signal: 'go' })).rejects.toMatchObject({ reason: 'EXECUTION_STATE' });
    expect(await bench.history(name)).toEqual(['EXECUTION_STARTED', 'STEP_STARTED a', 'STEP_CANCELLED a', 'EXECUTION_CANCELLED']);
    worker.die();
  });

  it('run again from their failure', async () => {
    const worker = new TestWorker(bench.workers, { handlers: ['flaky'] });
    const { name } = await bench.run(
      'flaky',
      [
        { id: 'a', work: task('flaky') },
        { id: 'b', needs: ['a'], work: action('noop') },
      ],
      {
        onFailure: [{ id: 'tell', work: action('log', { message: '${failure.reason}', level: 'error' }) }],
      },
    );
    worker.fail(await worker.task('a'), 'BROKEN');
    expect((await bench.until({ name }, ExecutionState.FAILED)).failure).toMatchObject({ reason: 'BROKEN', message: 'BROKEN it is' });
    expect((await bench.executions.retryFromFailure({ name })).state).toBe(ExecutionState.RUNNING);
    worker.complete(await worker.task('a', 2));
    await bench.until({ name }, ExecutionState.SUCCEEDED);
    worker.die();
  });

  it('keep no more signals unheard than they can', async () => {
    const { name } = await bench.run('signals', [{ id: 'w', work: { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } }]);
    for (let sent = 0; sent < 100; sent += 1) await bench.executions.signalExecution({ name, signal: 'other' });
    await expect(bench.executions.signalExecution({ name, signal: 'other' })).rejects.toMatchObject({ reason: 'SIGNALS_UNHEARD' });
  });

  it('are listed newest first, in pages, by workflow and state', async () => {
    const workflow = await bench.define('listed', [{ id: 'a', work: action('fail') }]);
    const names: string[] = [];
    for (let count = 0; count < 3; count += 1)
      names.unshift((await bench.executions.startExecution({ parent: 'tenants/acme', workflow })).name);
    const filter = { parent: 'tenants/acme', workflow: 'tenants/acme/workflows/listed', state: ExecutionState.FAILED, pageSize: 2 };
    const first = await bench.executions.listExecutions(filter);
    const second = await bench.executions.listExecutions({ ...filter, pageToken: first.nextPageToken });
    expect([...first.executions, ...second.executions].map(({ name }) => name)).toEqual(names);
    expect(second.nextPageToken).toBe('');
    expect((await bench.executions.listExecutions({ ...filter, state: ExecutionState.RUNNING })).executions).toEqual([]);
  });

  it('are told of while they grow', async () => {
    const { name } = await bench.run('growing', [{ id: 'w', work: { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } }]);
    const watched = bench.history(name);
    await bench.executions.signalExecution({ name, signal: 'go' });
    expect(await watched).toEqual(['EXECUTION_STARTED', 'STEP_STARTED w', 'SIGNAL_RECEIVED', 'STEP_SUCCEEDED w', 'EXECUTION_SUCCEEDED']);
    const abort = new AbortController();
    const open = await bench.run('open', [{ id: 'w', work: { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } }]);
    const entries = bench.executions.watchExecution({ name: open.name }, { signal: abort.signal })[Symbol.asyncIterator]();
    await entries.next();
    abort.abort();
    await expect(entries.next().then(() => entries.next())).rejects.toThrow();
  });

  it('announce how they begin, proceed and end, in order', async () => {
    const good = await bench.run('announced', [{ id: 'a', work: action('noop') }], {
      output: { kind: { case: 'stringValue', value: 'done' } },
    });
    const facts = await bench.announced(good.name, 3);
    expect(facts.map(({ fact }) => fact)).toEqual(['ExecutionStarted', 'StepCompleted', 'ExecutionCompleted']);
    expect(facts[2]?.data).toMatchObject({ execution: good.name, workflow: good.workflow, output: 'done' });
    const bad = await bench.run('announced-bad', [{ id: 'a', work: action('fail', { reason: 'NO' }) }]);
    expect((await bench.announced(bad.name, 2))[1]).toMatchObject({ fact: 'ExecutionFailed', data: { step: 'a', reason: 'NO' } });
    const { name } = await bench.run('announced-cancel', [
      { id: 'w', work: { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } },
    ]);
    await bench.executions.cancelExecution({ name, reason: 'enough' });
    expect((await bench.announced(name, 2))[1]).toMatchObject({ fact: 'ExecutionCancelled', data: { reason: 'enough' } });
  });

  it('take a share of the plan while they run', async () => {
    bench.quotas.limit = bench.quotas.holders.size + 1;
    const steps: StepInit[] = [{ id: 'w', work: { case: 'wait', value: { until: { case: 'signal', value: 'go' } } } }];
    const { name, workflow } = await bench.run('quota', steps);
    expect(bench.quotas.holders.has(name)).toBe(true);
    await bench.executions.cancelExecution({ name });
    await eventually(
      () => bench.quotas.holders.has(name),
      (holds) => !holds,
    );
    bench.quotas.limit = 0;
    await expect(bench.executions.startExecution({ parent: 'tenants/acme', workflow, executionId: 'refused' })).rejects.toMatchObject({
      reason: 'QUOTA_EXCEEDED',
    });
    bench.quotas.limit = Number.POSITIVE_INFINITY;
    await expect(bench.executions.getExecution({ name: 'tenants/acme/executions/refused' })).rejects.toMatchObject({
      reason: 'EXECUTION_NOT_FOUND',
    });
  });

  it('are refused where they do not exist or belong to another', async () => {
    await expect(bench.executions.getExecution({ name: 'tenants/acme/executions/none' })).rejects.toMatchObject({
      reason: 'EXECUTION_NOT_FOUND',
    });
    await expect(bench.executions.cancelExecution({ name: 'tenants/acme/executions/none' })).rejects.toMatchObject({
      reason: 'EXECUTION_NOT_FOUND',
    });
    await expect(bench.history('tenants/acme/executions/none')).rejects.toMatchObject({ reason: 'EXECUTION_NOT_FOUND' });
    await expect(
      bench.executions.startExecution({ parent: 'tenants/acme', workflow: 'tenants/acme/workflows/none' }),
    ).rejects.toMatchObject({ reason: 'WORKFLOW_NOT_FOUND' });
    await expect(bench.executions.startExecution({ parent: 'tenants/acme', workflow: 'tenants/globex/workflows/none' })).rejects.toThrow();
  });
});
