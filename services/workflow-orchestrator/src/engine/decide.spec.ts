import type { Step } from '../definition/definition.js';
import { aDefinition, aJob, anAction, aStep, aTask, once } from '../testing/definitions.testing.js';
import { Simulation } from '../testing/simulation.testing.js';

const run = (steps: readonly Step[], more = {}, input = {}) => Simulation.of(aDefinition(steps, more), input);
const types = (simulation: Simulation) => simulation.history.map(({ type, step }) => (step === '' ? type : `${type} ${step}`));
const after = (...needs: string[]) => ({ needs });

describe('decide: order', () => {
  it('runs steps without order between them side by side, and the others after what they need', () => {
    const simulation = run([aStep('a'), aStep('b'), aStep('c', aTask(), after('a', 'b'))]);
    expect([...simulation.tasks.keys()]).toEqual(['a', 'b']);
    simulation.complete('b').complete('a');
    expect([...simulation.tasks.keys()]).toEqual(['c']);
    simulation.complete('c');
    expect(simulation.state.status).toBe('succeeded');
  });

  it('runs a chain of actions that need nobody within one decision', () => {
    const simulation = run([
      aStep('c', anAction('noop'), after('b')),
      aStep('b', anAction('noop'), after('a')),
      aStep('a', anAction('noop')),
    ]);
    expect(simulation.state.status).toBe('succeeded');
    expect(types(simulation)).toEqual([
      'EXECUTION_STARTED',
      'STEP_STARTED a',
      'STEP_SUCCEEDED a',
      'STEP_STARTED b',
      'STEP_SUCCEEDED b',
      'STEP_STARTED c',
      'STEP_SUCCEEDED c',
      'EXECUTION_SUCCEEDED',
    ]);
  });

  it('begins once, however often it is told to', () => {
    const simulation = run([aStep('a')]).send({ type: 'started' });
    expect(simulation.commands).toHaveLength(1);
  });

  it('ignores results that come late, twice, or for another attempt', () => {
    const simulation = run([aStep('a'), aStep('b')]);
    const result = { type: 'taskCompleted', step: 'a', attempt: 1, output: 'first' } as const;
    simulation
      .send(result)
      .send({ ...result, output: 'second' })
      .send({ ...result, step: 'b', attempt: 2 });
    simulation.send({ type: 'taskFailed', step: 'a', attempt: 1, reason: 'LATE', message: '', isFinal: true });
    simulation.send({ type: 'progressed', step: 'a', attempt: 1, progress: {} });
    expect(simulation.state.steps['a']).toMatchObject({ status: 'succeeded', output: 'first' });
    expect(simulation.stepsIn('running')).toEqual(['b']);
  });

  it('writes progress of the attempt under way to the history', () => {
    const simulation = run([aStep('a')]).send({ type: 'progressed', step: 'a', attempt: 1, progress: { share: 0.5 } });
    expect(simulation.history.at(-1)).toMatchObject({ type: 'PROGRESS', step: 'a', attempt: 1, data: { progress: { share: 0.5 } } });
  });
});

describe('decide: data', () => {
  it('gives a step what came before it', () => {
    const input = {
      n: '${input.n}',
      sum: '${steps.a.output.n + input.n}',
      was: '${steps.a.status}',
      t: '${tenant.id}',
      e: '${execution.id}',
    };
    const simulation = run([aStep('a'), aStep('b', aTask(input), after('a'))], {}, { n: 2 }).complete('a', { n: 40 });
    expect(simulation.tasks.get('b')?.input).toEqual({ n: 2, sum: 42, was: 'succeeded', t: 'acme', e: 'e1' });
  });

  it('folds context in the order of the definition, not of completion', () => {
    const set = (id: string, value: string, needs: string) => aStep(id, anAction('context.set', { by: value, [id]: true }), after(needs));
    const steps = [aStep('x'), aStep('y'), set('first', 'first', 'x'), set('second', 'second', 'y')];
    const end = aStep('end', anAction('transform', { context: '${context}' }), after('first', 'second'));
    const context = { by: 'second', first: true, second: true };
    for (const order of [
      ['x', 'y'],
      ['y', 'x'],
    ]) {
      const simulation = run([...steps, end]);
      for (const step of order) simulation.complete(step);
      expect(simulation.state.steps['end']?.output).toEqual({ context });
    }
  });

  it('gives the execution its output', () => {
    const simulation = run([aStep('a')], { output: { answer: '${steps.a.output.n}' } }).complete('a', { n: 42 });
    expect(simulation.state.output).toEqual({ answer: 42 });
  });

  it('fails an execution whose output cannot be made or is too large', () => {
    const missing = run([aStep('a')], { output: '${steps.a.output.n}' }).complete('a', {});
    expect(missing.state).toMatchObject({ status: 'failed', failure: { step: '', reason: 'EXPRESSION_FAILED' } });
    const large = run([aStep('a')], { output: ['${steps.a.output}', '${steps.a.output}'] }).complete('a', { text: 'x'.repeat(200_000) });
    expect(large.state).toMatchObject({ status: 'failed', failure: { step: '', reason: 'OUTPUT_TOO_LARGE' } });
  });

  it('fails a step whose input cannot be made, or whose output is too large', () => {
    expect(run([aStep('a', aTask({ n: '${input.n}' }))]).state.failure).toMatchObject({ step: 'a', reason: 'EXPRESSION_FAILED' });
    expect(run([aStep('a')]).complete('a', { text: 'x'.repeat(300_000) }).state.failure).toMatchObject({
      step: 'a',
      reason: 'OUTPUT_TOO_LARGE',
    });
  });

  it('says, logs and emits what its actions say', () => {
    const simulation = run(
      [
        aStep('say', anAction('log', { message: '${input}', level: 'warn' })),
        aStep('tell', anAction('event.emit', { type: 'report.ready', data: { n: 1 } })),
        aStep('value', anAction('event.emit', { type: 'report.ready', data: '${input.n}' })),
        aStep('bare', anAction('event.emit', { type: 'report.ready' })),
      ],
      {},
      { n: 1 },
    );
    expect(simulation.history.find(({ type }) => type === 'LOGGED')?.data).toEqual({ message: '{"n":1}', level: 'warn' });
    expect(simulation.commands).toEqual([
      { type: 'emit', step: 'tell', eventType: 'report.ready', data: { n: 1 } },
      { type: 'emit', step: 'value', eventType: 'report.ready', data: { value: 1 } },
      { type: 'emit', step: 'bare', eventType: 'report.ready', data: {} },
    ]);
  });
});

describe('decide: conditions and needs', () => {
  it('skips a step whose condition is false, and what needs it', () => {
    const simulation = run(
      [aStep('a', anAction('noop'), { when: { expression: 'input.go' } }), aStep('b', aTask(), after('a'))],
      {},
      { go: false },
    );
    expect(simulation.state).toMatchObject({ status: 'succeeded', steps: { a: { skippedBy: 'when' }, b: { skippedBy: 'needs' } } });
  });

  it('fails a step whose condition cannot be evaluated', () => {
    const simulation = run([aStep('a', anAction('noop'), { when: { expression: 'input.go' } })]);
    expect(simulation.state.failure).toMatchObject({ step: 'a', reason: 'EXPRESSION_FAILED' });
  });

  it.each([
    ['all_succeeded', ['good'], 'succeeded'],
    ['all_succeeded', ['good', 'bad'], 'skipped'],
    ['all_succeeded', ['good', 'skipped'], 'skipped'],
    ['all_succeeded', ['good', 'forgiven'], 'succeeded'],
    ['all_done', ['bad', 'skipped'], 'succeeded'],
    ['any_succeeded', ['bad', 'good'], 'succeeded'],
    ['any_succeeded', ['bad', 'skipped'], 'skipped'],
    ['none_failed', ['good', 'skipped'], 'succeeded'],
    ['none_failed', ['good', 'bad'], 'skipped'],
    ['none_failed', ['forgiven'], 'succeeded'],
  ] as const)('%s of %j: %s', (needsRule, needs, status) => {
    const simulation = run([
      aStep('good', anAction('noop')),
      aStep('bad', anAction('fail')),
      aStep('forgiven', anAction('fail'), { continueOnFailure: true }),
      aStep('skipped', anAction('noop'), { when: { expression: 'false' } }),
      aStep('end', anAction('noop'), { needs, needsRule }),
    ]);
    expect(simulation.state.steps['end']?.status).toBe(status);
  });

  it('takes the first case that holds, or otherwise, and ends with its steps', () => {
    const choice: Step = aStep('choose', {
      kind: 'choice',
      cases: [
        { when: { expression: 'input.n > 10' }, steps: [aStep('large', anAction('noop'))] },
        { when: { expression: 'input.n > 5' }, steps: [aStep('medium')] },
      ],
      otherwise: [aStep('small', anAction('noop'))],
    });
    const end = aStep(
      'end',
      anAction('transform', { taken: '${steps.choose.output.taken}', medium: '${steps.medium.status}' }),
      after('choose'),
    );
    expect(run([choice, end], {}, { n: 20 }).state.steps['end']?.output).toEqual({ taken: 0, medium: 'skipped' });
    expect(run([choice, end], {}, { n: 7 }).complete('medium').state.steps['end']?.output).toEqual({ taken: 1, medium: 'succeeded' });
    expect(run([choice, end], {}, { n: 0 }).state.steps['end']?.output).toEqual({ taken: 2, medium: 'skipped' });
    expect(run([choice, end], {}, {}).state.failure).toMatchObject({ step: 'choose', reason: 'EXPRESSION_FAILED' });
  });
});

describe('decide: parallel', () => {
  const branches = (...ids: string[]) => ids.map((id) => [aStep(id), aStep(`${id}_end`, aTask(), after(id))]);
  const parallel = (maxConcurrency: number, ...ids: string[]) =>
    aStep('all', { kind: 'parallel', branches: branches(...ids), maxConcurrency });

  it('runs no more branches at the same time than allowed, and each of them', () => {
    const simulation = run([parallel(2, 'a', 'b', 'c'), aStep('end', aTask(), after('all'))]);
    expect([...simulation.tasks.keys()]).toEqual(['a', 'b']);
    simulation.complete('b').complete('b_end');
    expect([...simulation.tasks.keys()]).toEqual(['a', 'c']);
    simulation.complete('c').complete('c_end').complete('a').complete('a_end').complete('end');
    expect(simulation.state.status).toBe('succeeded');
  });

  it('fails once all branches have ended, with the first failure by definition, whichever came first', () => {
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const simulation = run([parallel(2, 'a', 'b')]);
      for (const id of order) simulation.fail(id);
      expect(simulation.state).toMatchObject({ status: 'failed', failure: { step: 'a', reason: 'BROKEN' } });
    }
  });

  it('leaves no branch running when its time is over', () => {
    const inner = aStep('inner', { kind: 'parallel', branches: branches('c'), maxConcurrency: 1 });
    const simulation = run([
      aStep('all', { kind: 'parallel', branches: [...branches('a', 'b'), [inner]], maxConcurrency: 3 }, { timeoutMs: 5000 }),
    ]);
    simulation.complete('a').wait(5000);
    expect(simulation.tasks.size).toBe(0);
    expect(simulation.stepsIn('cancelled')).toEqual(['a_end', 'b', 'c', 'inner']);
    expect(simulation.state).toMatchObject({ status: 'failed', failure: { step: 'all', reason: 'TIMEOUT' } });
  });
});

describe('decide: failure', () => {
  const retry = { ...once, maxAttempts: 3, nonRetryableReasons: ['NEVER'] };

  it('lets what does not depend on the failure run to its end', () => {
    const simulation = run([aStep('a'), aStep('b'), aStep('c', aTask(), after('a'))]).fail('a');
    expect(simulation.state.status).toBe('running');
    simulation.complete('b');
    expect(simulation.state).toMatchObject({
      status: 'failed',
      failure: { step: 'a', reason: 'BROKEN', message: 'a is broken' },
      steps: { c: { status: 'skipped' } },
    });
  });

  it('tries again after growing intervals, up to the policy’s attempts', () => {
    const simulation = run([aStep('a', aTask(), { retry })]).fail('a');
    expect(simulation.tasks.size).toBe(0);
    expect(simulation.wait(999).tasks.size).toBe(0);
    expect(simulation.wait(1).tasks.get('a')).toMatchObject({ attempt: 2 });
    expect(simulation.fail('a').wait(1999).tasks.size).toBe(0);
    expect(simulation.wait(1).fail('a').state).toMatchObject({ status: 'failed', steps: { a: { attempts: 3 } } });
  });

  it('gives every attempt the same idempotency key, and every step another', () => {
    const simulation = run([aStep('a', aTask(), { retry }), aStep('b')])
      .fail('a')
      .wait(1000);
    const keys = simulation.commands.map((command) => (command.type === 'startTask' ? command.idempotencyKey : ''));
    expect(keys[2]).toBe(keys[0]);
    expect(keys[1]).not.toBe(keys[0]);
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('does not repeat what the worker or the policy calls final', () => {
    expect(run([aStep('a', aTask(), { retry })]).fail('a', 'BROKEN', true).state.status).toBe('failed');
    expect(run([aStep('a', aTask(), { retry })]).fail('a', 'NEVER').state.status).toBe('failed');
  });

  it('repeats inline actions too', () => {
    const simulation = run([aStep('a', anAction('fail', { reason: 'NOT_YET', message: 'wait' }), { retry })]).wait(10_000);
    expect(simulation.state).toMatchObject({
      status: 'failed',
      failure: { reason: 'NOT_YET', message: 'wait' },
      steps: { a: { attempts: 3 } },
    });
  });

  it('times an attempt out, takes its task back, and repeats it by the policy', () => {
    const simulation = run([aStep('a', aTask(), { retry, timeoutMs: 500 })]);
    expect(simulation.tasks.get('a')?.deadlineAtMs).toBe(simulation.atMs + 500);
    simulation.wait(500);
    expect(simulation.commands.at(-1)).toEqual({ type: 'cancelTask', step: 'a' });
    expect(simulation.history.at(-1)).toMatchObject({ type: 'ATTEMPT_FAILED', data: { reason: 'TIMEOUT' } });
    simulation.wait(1000).send({ type: 'taskCompleted', step: 'a', attempt: 1, output: 'late' });
    expect(simulation.stepsIn('running')).toEqual(['a']);
    expect(simulation.complete('a').state.status).toBe('succeeded');
  });

  it('forgets a timeout once the attempt has ended', () => {
    const simulation = run([aStep('a', aTask(), { timeoutMs: 500 }), aStep('b')])
      .complete('a')
      .wait(1000);
    expect(simulation.state.steps['a']?.status).toBe('succeeded');
    expect(Object.keys(simulation.state.timers)).toEqual(['execution']);
  });

  it('runs the failure handlers, which see the failure and all steps', () => {
    const onFailure = [
      aStep('tell', aTask({ why: '${failure.reason} at ${failure.step}', b: '${steps.b.status}' })),
      aStep('then', anAction('fail'), after('tell')),
    ];
    const simulation = run([aStep('a', anAction('fail')), aStep('b', aTask(), after('a'))], { onFailure });
    expect(simulation.state.status).toBe('failing');
    expect(simulation.tasks.get('tell')?.input).toEqual({ why: 'FAILED at a', b: 'skipped' });
    expect(simulation.complete('tell').state).toMatchObject({ status: 'failed', failure: { step: 'a' } });
  });

  it('ends an execution, and then its handlers, that take too long', () => {
    const simulation = run([aStep('a'), aStep('b', aTask(), after('a'))], {
      onFailure: [aStep('tell'), aStep('then', aTask(), after('tell'))],
    }).wait(3_600_000);
    expect(simulation.state).toMatchObject({ status: 'failing', failure: { step: '', reason: 'TIMEOUT' } });
    expect([...simulation.tasks.keys()]).toEqual(['tell']);
    simulation.wait(3_600_000);
    expect(simulation.state).toMatchObject({ status: 'failed', failure: { reason: 'TIMEOUT' }, timers: {} });
    expect(simulation.tasks.size).toBe(0);
  });
});

describe('decide: waits', () => {
  const wait = (until: Extract<Step['work'], { kind: 'wait' }>['until'], more: Partial<Step> = {}) =>
    aStep('w', { kind: 'wait', until }, more);

  it('waits for a duration', () => {
    const simulation = run([wait({ kind: 'duration', durationMs: 60_000 })]);
    expect(simulation.wait(59_999).state.steps['w']?.status).toBe('waiting');
    expect(simulation.wait(1).state.status).toBe('succeeded');
  });

  it('waits for a timestamp, which may be computed', () => {
    const timestamp = '${timestamp(execution.startTime) + duration("30s")}';
    expect(run([wait({ kind: 'timestamp', timestamp })]).wait(29_999).hasEnded).toBe(false);
    expect(run([wait({ kind: 'timestamp', timestamp })]).wait(30_000).hasEnded).toBe(true);
    expect(run([wait({ kind: 'timestamp', timestamp: '2020-01-01T00:00:00Z' })]).wait(0).hasEnded).toBe(true);
    expect(run([wait({ kind: 'timestamp', timestamp: '${5}' })]).state.failure?.reason).toBe('INVALID_TIMESTAMP');
    expect(run([wait({ kind: 'timestamp', timestamp: '${input.at}' })]).state.failure?.reason).toBe('EXPRESSION_FAILED');
  });

  it('waits for a signal, and takes one that came before', () => {
    const go = { type: 'signalled', signal: 'go', payload: { by: 'ada' } } as const;
    expect(run([wait({ kind: 'signal', signal: 'go' })]).send(go).state.steps['w']?.output).toEqual({ by: 'ada' });
    const early = run([aStep('a'), wait({ kind: 'signal', signal: 'go' }, after('a'))])
      .send({ ...go, signal: 'other' })
      .send(go)
      .send({ ...go, payload: {} });
    expect(early.complete('a').state).toMatchObject({
      status: 'succeeded',
      signals: { go: [{}], other: [{ by: 'ada' }] },
      steps: { w: { output: { by: 'ada' } } },
    });
  });

  it('waits for an event whose filter holds', () => {
    const filter = { expression: 'event.data.model == input.model' };
    const simulation = run([wait({ kind: 'event', type: 'q2.models.events.v1.VersionPromoted', filter })], {}, { model: 'm1' });
    expect(simulation.commands).toEqual([{ type: 'listen', step: 'w', eventType: 'q2.models.events.v1.VersionPromoted' }]);
    const event = { id: 'e', type: 'q2.models.events.v1.VersionPromoted', key: 'k', data: {} };
    simulation.send({ type: 'heard', step: 'w', event });
    simulation.send({ type: 'heard', step: 'w', event: { ...event, data: { model: 'm2' } } });
    simulation.send({ type: 'heard', step: 'w', event: { ...event, type: 'q2.models.events.v1.Other', data: { model: 'm1' } } });
    expect(simulation.state.steps['w']?.status).toBe('waiting');
    simulation.send({ type: 'heard', step: 'w', event: { ...event, data: { model: 'm1' } } });
    expect(simulation.commands.at(-1)).toEqual({ type: 'unlisten', step: 'w' });
    expect(simulation.state).toMatchObject({ status: 'succeeded', steps: { w: { output: { data: { model: 'm1' } } } } });
  });

  it('fails a wait that takes too long, and listens no more', () => {
    const simulation = run([wait({ kind: 'event', type: 'q2.a.b', filter: undefined }, { timeoutMs: 1000 })]).wait(1000);
    expect(simulation.commands.at(-1)).toEqual({ type: 'unlisten', step: 'w' });
    expect(simulation.state.failure).toMatchObject({ step: 'w', reason: 'TIMEOUT' });
  });
});

describe('decide: cancel, pause, retry from failure', () => {
  it('cancels what runs, waits and retries, and starts nothing more', () => {
    const simulation = run([
      aStep('a'),
      aStep('r', aTask(), { retry: { ...once, maxAttempts: 2 } }),
      aStep('w', { kind: 'wait', until: { kind: 'event', type: 'q2.a.b', filter: undefined } }),
      aStep('p', { kind: 'parallel', branches: [[aStep('b')]], maxConcurrency: 1 }),
      aStep('end', aTask(), after('a')),
    ]);
    simulation.fail('r').send({ type: 'cancelRequested', reason: 'enough' });
    expect(simulation.tasks.size).toBe(0);
    expect(simulation.commands.filter(({ type }) => type === 'unlisten')).toHaveLength(1);
    expect(simulation.stepsIn('cancelled')).toEqual(['a', 'b', 'p', 'r', 'w']);
    expect(simulation.history.at(-1)).toMatchObject({ type: 'EXECUTION_CANCELLED', data: { reason: 'enough' } });
    const ended = simulation.state;
    simulation
      .wait(1e9)
      .send({ type: 'cancelRequested', reason: 'again' })
      .send({ type: 'retryRequested' })
      .send({ type: 'taskCompleted', step: 'a', attempt: 1, output: 1 });
    expect(simulation.state).toEqual(ended);
  });

  it('a cancelled retry never comes back', () => {
    const simulation = run([aStep('a', aTask(), { retry: { ...once, maxAttempts: 5 } })])
      .fail('a')
      .send({ type: 'cancelRequested', reason: '' })
      .wait(1e8);
    expect(simulation.commands.filter(({ type }) => type === 'startTask')).toHaveLength(1);
  });

  it('starts nothing while paused, and all that was due once resumed', () => {
    const simulation = run([aStep('a'), aStep('b', aTask(), after('a')), aStep('r', aTask(), { retry: { ...once, maxAttempts: 2 } })]);
    simulation.send({ type: 'pauseRequested' }).send({ type: 'pauseRequested' }).complete('a').fail('r').wait(5000);
    expect(simulation.tasks.size).toBe(0);
    simulation.send({ type: 'resumeRequested' });
    expect([...simulation.tasks.keys()].sort()).toEqual(['b', 'r']);
    expect(types(simulation).filter((type) => type.startsWith('EXECUTION_'))).toEqual([
      'EXECUTION_STARTED',
      'EXECUTION_PAUSED',
      'EXECUTION_RESUMED',
    ]);
  });

  it('runs what failed, and what was skipped because of it, again, and keeps what succeeded', () => {
    const inner = aStep('all', { kind: 'parallel', branches: [[aStep('x')], [aStep('y')]], maxConcurrency: 2 });
    const steps = [
      aStep('a'),
      inner,
      aStep('end', aTask({ x: '${steps.x.output}', a: '${steps.a.output}' }), after('a', 'all')),
      aStep('off', anAction('noop'), { when: { expression: 'input.on' } }),
    ];
    const simulation = run(steps, { onFailure: [aStep('tell')] }, { on: false })
      .complete('a', { n: 1 })
      .complete('x', { n: 2 })
      .fail('y')
      .complete('tell');
    expect(simulation.state.status).toBe('failed');
    const tellKey = simulation.commands.flatMap((command) =>
      command.type === 'startTask' && command.step === 'tell' ? [command.idempotencyKey] : [],
    );
    simulation.send({ type: 'retryRequested' });
    expect(simulation.state).toMatchObject({ status: 'running', run: 1 });
    expect(simulation.state.failure).toBeUndefined();
    expect([...simulation.tasks.values()].map(({ step, attempt }) => [step, attempt])).toEqual([['y', 2]]);
    simulation.complete('y');
    expect(simulation.tasks.get('end')?.input).toEqual({ x: { n: 2 }, a: { n: 1 } });
    simulation.fail('end');
    const again = simulation.tasks.get('tell');
    expect(again?.idempotencyKey).not.toBe(tellKey[0]);
  });

  it('leaves alone what a failure that was forgiven, or a skip by its own condition, ended', () => {
    const forgiven = aStep(
      'all',
      { kind: 'parallel', branches: [[aStep('x', anAction('fail')), aStep('x2', anAction('noop'), after('x'))]], maxConcurrency: 1 },
      { continueOnFailure: true },
    );
    const simulation = run([forgiven, aStep('off', anAction('noop'), { when: { expression: 'false' } }), aStep('bad')]).fail('bad');
    const before = simulation.state.steps;
    simulation.send({ type: 'retryRequested' });
    for (const id of ['all', 'x', 'x2', 'off']) expect(simulation.state.steps[id]).toEqual(before[id]);
    expect([...simulation.tasks.keys()]).toEqual(['bad']);
  });

  it('counts the attempts of each run on their own', () => {
    const simulation = run([aStep('a', aTask(), { retry: { ...once, maxAttempts: 2 } })])
      .fail('a')
      .wait(1000)
      .fail('a');
    expect(simulation.send({ type: 'retryRequested' }).tasks.get('a')?.attempt).toBe(3);
    expect(simulation.fail('a').wait(1000).tasks.get('a')?.attempt).toBe(4);
    expect(simulation.fail('a').state.status).toBe('failed');
  });

  it('runs again what was cancelled when the time was over', () => {
    const simulation = run([aStep('a')]).wait(3_600_000);
    expect(simulation.state.status).toBe('failed');
    expect(simulation.send({ type: 'retryRequested' }).complete('a').state.status).toBe('succeeded');
  });
});

describe('decide: jobs', () => {
  const retry = { ...once, maxAttempts: 2 };

  it('renders what a job runs, and tells whoever runs it when the execution is over', () => {
    const simulation = run([aStep('a', aJob({ args: ['${input.rows}'] }))], { timeoutMs: 60_000 }, { rows: 3 });
    expect(simulation.tasks.get('a')).toMatchObject({
      target: { job: true },
      input: { image: 'etl:1', args: ['3'], cpuMillis: 500 },
      deadlineAtMs: simulation.atMs + 60_000,
    });
    simulation.complete('a', { exitCode: 0 });
    expect(simulation.state).toMatchObject({ status: 'succeeded', steps: { a: { output: { exitCode: 0 } } } });
  });

  it('fails a job whose expressions give no image', () => {
    const simulation = run([aStep('a', aJob({ image: '${input.image}' }))], {}, { image: 'no image' });
    expect(simulation.state).toMatchObject({ status: 'failed', failure: { step: 'a', reason: 'INVALID_FIELDS' } });
  });

  it('tries again in time, and takes back what takes too long or is cancelled', () => {
    const simulation = run([aStep('a', aJob(), { retry, timeoutMs: 5000 })]);
    expect(simulation.tasks.get('a')?.deadlineAtMs).toBe(simulation.atMs + 5000);
    simulation.wait(5000);
    expect(simulation.tasks.size).toBe(0);
    expect(types(simulation)).toContain('ATTEMPT_FAILED a');
    simulation.wait(1000);
    expect(simulation.tasks.get('a')?.attempt).toBe(2);
    simulation.send({ type: 'cancelRequested', reason: 'enough' });
    expect(simulation.tasks.size).toBe(0);
    expect(simulation.state).toMatchObject({ status: 'cancelled', steps: { a: { status: 'cancelled' } } });
  });

  it('keeps what the last failed attempt gave', () => {
    const simulation = run([
      aStep('a', aJob(), { retry, continueOnFailure: true }),
      aStep('b', anAction('transform', { code: '${steps.a.output.exitCode}' }), after('a')),
    ]);
    const fail = (attempt: number, output: object) =>
      simulation.send({
        type: 'taskFailed',
        step: 'a',
        attempt,
        reason: 'JOB_FAILED',
        message: 'it failed',
        isFinal: false,
        output: { ...output },
      });
    fail(1, { exitCode: 3 });
    expect(simulation.state.steps['a']).not.toHaveProperty('output');
    simulation.wait(1000);
    fail(2, { exitCode: 4 });
    expect(simulation.state).toMatchObject({
      status: 'succeeded',
      steps: { a: { status: 'failed', output: { exitCode: 4 } }, b: { output: { code: 4 } } },
    });
  });

  it('leaves out what a failed attempt gave where it is too large', () => {
    const simulation = run([aStep('a', aJob())]);
    simulation.send({
      type: 'taskFailed',
      step: 'a',
      attempt: 1,
      reason: 'JOB_FAILED',
      message: 'it failed',
      isFinal: false,
      output: 'x'.repeat(262_145),
    });
    expect(simulation.state.steps['a']).toMatchObject({ status: 'failed', failure: { reason: 'JOB_FAILED' } });
    expect(simulation.state.steps['a']).not.toHaveProperty('output');
  });

  it('writes down what the attempt under way says, and no other', () => {
    const simulation = run([aStep('a', aJob())]);
    simulation.send({ type: 'logged', step: 'a', attempt: 1, data: { lines: ['one'] } });
    simulation.send({ type: 'logged', step: 'a', attempt: 2, data: { lines: ['never'] } });
    expect(simulation.history.filter(({ type }) => type === 'LOGGED')).toMatchObject([{ step: 'a', attempt: 1, data: { lines: ['one'] } }]);
  });
});
