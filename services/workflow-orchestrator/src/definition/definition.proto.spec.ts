import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { workflows } from '@q2/contracts';
import { conditionOf } from './condition.proto.js';
import { definitionOf } from './definition.proto.js';

const { ComparisonOperator, LogicalOperator, NeedsRule } = workflows;
type StepInit = MessageInitShape<typeof workflows.StepSchema>;

const read = (...steps: StepInit[]) => definitionOf(create(workflows.DefinitionSchema, { steps })).steps;
const condition = (kind: NonNullable<MessageInitShape<typeof workflows.ConditionSchema>['kind']>) =>
  conditionOf(create(workflows.ConditionSchema, { kind }));
const text = (value: string) => ({ kind: { case: 'stringValue', value } as const });

describe('definitionOf', () => {
  it('gives what is absent its documented default', () => {
    const definition = definitionOf(
      create(workflows.DefinitionSchema, { steps: [{ id: 'a', work: { case: 'action', value: { name: 'noop' } } }] }),
    );
    expect(definition).toEqual({
      timeoutMs: 30 * 86_400_000,
      onFailure: [],
      output: undefined,
      steps: [
        {
          id: 'a',
          needs: [],
          needsRule: 'all_succeeded',
          when: undefined,
          work: { kind: 'action', name: 'noop', input: {} },
          retry: {
            maxAttempts: 1,
            initialIntervalMs: 1000,
            backoffCoefficient: 2,
            maxIntervalMs: 300_000,
            jitter: 0,
            nonRetryableReasons: [],
          },
          timeoutMs: undefined,
          continueOnFailure: false,
        },
      ],
    });
  });

  it('reads everything that a definition can say', () => {
    const definition = definitionOf(
      create(workflows.DefinitionSchema, {
        timeout: { seconds: 5n },
        output: text('x'),
        onFailure: [{ id: 'h', work: { case: 'task', value: { queue: 'q', handler: 'w' } } }],
      }),
    );
    expect(definition).toMatchObject({
      timeoutMs: 5000,
      output: 'x',
      onFailure: [{ id: 'h', work: { kind: 'task', queue: 'q', handler: 'w', input: {} } }],
    });
    const retry = {
      maxAttempts: 3,
      initialInterval: { seconds: 2n },
      backoffCoefficient: 1,
      maxInterval: { seconds: 9n },
      jitter: 0.5,
      nonRetryableReasons: ['NO'],
    };
    const [step] = read({
      id: 'a',
      needs: ['b'],
      needsRule: NeedsRule.NONE_FAILED,
      retry,
      timeout: { nanos: 5_000_000 },
      continueOnFailure: true,
      work: { case: 'task', value: { queue: 'q', handler: 'h', input: { n: 1 } } },
    });
    expect(step).toMatchObject({
      needs: ['b'],
      needsRule: 'none_failed',
      retry: {
        maxAttempts: 3,
        initialIntervalMs: 2000,
        backoffCoefficient: 1,
        maxIntervalMs: 9000,
        jitter: 0.5,
        nonRetryableReasons: ['NO'],
      },
      timeoutMs: 5,
      continueOnFailure: true,
      work: { input: { n: 1 } },
    });
  });

  it('reads each kind of work', () => {
    const inner = { steps: [{ id: 'i', work: { case: 'action', value: { name: 'noop' } } }] } as const;
    const when = { kind: { case: 'expression', value: 'true' } } as const;
    const wait = (until: NonNullable<MessageInitShape<typeof workflows.WaitWorkSchema>['until']>): StepInit => ({
      id: 'w',
      work: { case: 'wait', value: { until } },
    });
    const works = read(
      wait({ case: 'duration', value: { seconds: 1n } }),
      wait({ case: 'timestamp', value: '2026-01-01T00:00:00Z' }),
      wait({ case: 'signal', value: 'go' }),
      wait({ case: 'event', value: { type: 't' } }),
      wait({ case: 'event', value: { type: 't', filter: when } }),
      { id: 'c', work: { case: 'choice', value: { cases: [{ when, steps: [...inner.steps] }], otherwise: [...inner.steps] } } },
      { id: 'p', work: { case: 'parallel', value: { branches: [{ steps: [...inner.steps] }, { steps: [...inner.steps] }] } } },
      { id: 'p2', when, work: { case: 'parallel', value: { branches: [{ steps: [...inner.steps] }], maxConcurrency: 7 } } },
    ).map(({ work }) => work);
    expect(works).toMatchObject([
      { until: { kind: 'duration', durationMs: 1000 } },
      { until: { kind: 'timestamp', timestamp: '2026-01-01T00:00:00Z' } },
      { until: { kind: 'signal', signal: 'go' } },
      { until: { kind: 'event', type: 't', filter: undefined } },
      { until: { kind: 'event', type: 't', filter: { expression: 'true' } } },
      { kind: 'choice', cases: [{ when: { expression: 'true' }, steps: [{ id: 'i' }] }], otherwise: [{ id: 'i' }] },
      { kind: 'parallel', maxConcurrency: 2, branches: [[{ id: 'i' }], [{ id: 'i' }]] },
      { kind: 'parallel', maxConcurrency: 7 },
    ]);
  });

  it('refuses what the contract refuses before', () => {
    expect(() => read({ id: 'a' })).toThrow('a step without work');
    expect(() => read({ id: 'a', work: { case: 'wait', value: {} } })).toThrow('a wait without an end');
    expect(() => conditionOf(create(workflows.ConditionSchema))).toThrow('states nothing');
  });
});

describe('conditionOf', () => {
  const conditions = [{ kind: { case: 'expression', value: 'a' } as const }, { kind: { case: 'expression', value: 'b' } as const }];

  it('reads groups', () => {
    const parts = [{ expression: 'a' }, { expression: 'b' }];
    expect(condition({ case: 'group', value: { operator: LogicalOperator.AND, conditions } })).toEqual({ all: parts });
    expect(condition({ case: 'group', value: { operator: LogicalOperator.OR, conditions } })).toEqual({ any: parts });
    expect(condition({ case: 'group', value: { operator: LogicalOperator.NOT, conditions } })).toEqual({ not: { all: parts } });
  });

  it('reads comparisons', () => {
    expect(condition({ case: 'comparison', value: { field: 'f', operator: ComparisonOperator.STARTS_WITH, value: text('x') } })).toEqual({
      field: 'f',
      operator: 'starts_with',
      value: 'x',
    });
    expect(condition({ case: 'comparison', value: { field: 'f', operator: ComparisonOperator.EXISTS } })).toEqual({
      field: 'f',
      operator: 'exists',
    });
  });
});

describe('jobs', () => {
  const job = (value: MessageInitShape<typeof workflows.JobWorkSchema>) => read({ id: 'a', work: { case: 'job', value } })[0]?.work;

  it('get what they do not ask for', () => {
    expect(job({ image: 'etl:1' })).toEqual({
      ...{ kind: 'job', image: 'etl:1', command: [], args: [], environment: {}, canWriteRoot: false },
      ...{ cpuMillis: 500, memoryMib: 512, storageMib: 1024 },
    });
  });

  it('get what they ask for', () => {
    const asked = { image: 'etl:1', command: ['run'], args: ['-v'], environment: { A: 'b' }, writableRoot: true };
    expect(job({ ...asked, resources: { cpuMillis: 100, memoryMib: 64, storageMib: 10 } })).toEqual({
      ...{ kind: 'job', image: 'etl:1', command: ['run'], args: ['-v'], environment: { A: 'b' }, canWriteRoot: true },
      ...{ cpuMillis: 100, memoryMib: 64, storageMib: 10 },
    });
  });
});
