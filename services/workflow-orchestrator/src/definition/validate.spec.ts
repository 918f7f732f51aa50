import { actionRules } from '../actions/catalogue.js';
import { aDefinition, aJob, anAction, aStep, aTask, once } from '../testing/definitions.testing.js';
import type { Definition, Step, Work } from './definition.js';
import { maxNesting, maxSteps, validateDefinition } from './validate.js';

const problems = (definition: Definition) => validateDefinition(definition, actionRules);
const of = (...steps: Step[]) => problems(aDefinition(steps)).map(({ path, description }) => `${path}: ${description}`);
const parallel = (...branches: Step[][]): Work => ({ kind: 'parallel', branches, maxConcurrency: 2 });
const wait = (until: Extract<Work, { kind: 'wait' }>['until']): Work => ({ kind: 'wait', until });
const expression = (source: string) => ({ expression: source });

describe('validateDefinition', () => {
  it('finds nothing wrong with what can run', () => {
    const steps = [
      aStep('a', aTask({ n: '${input.n}', t: '${tenant.id}', e: '${execution.id}' }), {
        retry: { ...once, maxAttempts: 5 },
        timeoutMs: 1000,
      }),
      aStep('b', parallel([aStep('c'), aStep('d', aTask({ c: '${steps.c.output}', a: '${steps.a.status}' }), { needs: ['c'] })]), {
        needs: ['a'],
      }),
      aStep('e', wait({ kind: 'event', type: 'q2.a.b', filter: expression('event.data.x == steps.d.output.x') }), { needs: ['b'] }),
      aStep('f', wait({ kind: 'timestamp', timestamp: '${input.at}' }), { when: expression('context.go') }),
      aStep('g', { kind: 'choice', cases: [{ when: expression('input.n > 1'), steps: [aStep('h')] }], otherwise: [aStep('i')] }),
    ];
    const onFailure = [aStep('j', anAction('log', { message: '${failure.reason} ${steps.d.failure}' }))];
    expect(problems(aDefinition(steps, { onFailure, output: { h: '${steps.h.output}' } }))).toEqual([]);
  });

  it.each<[string, Step[], string[]]>([
    ['ids', [aStep('A')], ['steps[0].id: must start with a letter']],
    [
      'ids used twice, however deep',
      [aStep('a'), aStep('b', parallel([aStep('a')]))],
      ["steps[1].parallel.branches[0].steps[0].id: 'a' is the id of steps[0].id already"],
    ],
    ['unknown needs', [aStep('a', aTask(), { needs: ['x'] })], ["steps[0].needs[0]: there is no step 'x' in the same list"]],
    [
      'needs across lists',
      [aStep('a'), aStep('b', parallel([aStep('c', aTask(), { needs: ['a'] })]))],
      ["steps[1].parallel.branches[0].steps[0].needs[0]: there is no step 'a'"],
    ],
    ['needing itself', [aStep('a', aTask(), { needs: ['a'] })], ['steps[0].needs[0]: a step cannot need itself']],
    ['needing twice', [aStep('a'), aStep('b', aTask(), { needs: ['a', 'a'] })], ["steps[1].needs[1]: 'a' is named twice"]],
    [
      'cycles',
      [aStep('a', aTask(), { needs: ['b'] }), aStep('b', aTask(), { needs: ['a'] })],
      ["steps[0].needs: 'a' waits for itself by way of b", 'steps[1].needs'],
    ],
    ['rules that nothing meets', [aStep('a', aTask(), { needsRule: 'any_succeeded' })], ['steps[0].needsRule: can never be met']],
    ['timeouts', [aStep('a', aTask(), { timeoutMs: 0 })], ['steps[0].timeout: must be more than 0']],
    [
      'waits',
      [aStep('a', wait({ kind: 'duration', durationMs: 400 * 86_400_000 }))],
      ['steps[0].wait.duration: must be more than 0 and at most 366 days'],
    ],
    [
      'retries of what is no attempt',
      [aStep('a', wait({ kind: 'signal', signal: 'go' }), { retry: { ...once, maxAttempts: 2 } })],
      ['steps[0].retry: only actions, tasks and jobs can be retried'],
    ],
    [
      'intervals',
      [aStep('a', aTask(), { retry: { ...once, initialIntervalMs: 600_000, backoffCoefficient: 0.5 } })],
      ['steps[0].retry.initialInterval: must not be longer', 'steps[0].retry.backoffCoefficient: must be at least 1'],
    ],
    [
      'jobs',
      [aStep('a', aJob({ image: 'no image', environment: { '1ST': 'x', 'a.b': 'x', q2_tenant: 'other', GOOD: 'x' } }))],
      [
        "steps[0].job.image: must be the name of an image, such as registry.example.com/etl:1.4.2, got 'no image'",
        'steps[0].job.environment.1ST: must be letters',
        'steps[0].job.environment.a.b: must be letters',
        'steps[0].job.environment.q2_tenant: names that start with Q2_ are set by the platform',
      ],
    ],
    [
      'expressions of jobs',
      [
        aStep(
          'a',
          aJob({ image: 'etl:${inputs.tag}', command: ['run', '${1 +}'], args: ['${steps.b.output}'], environment: { X: '${failure}' } }),
        ),
      ],
      [
        "steps[0].job.image: reads 'inputs'",
        "steps[0].job.command[1]: '1 +' is not a CEL expression",
        "steps[0].job.args[0]: reads step 'b', which does not exist",
        "steps[0].job.environment.X: reads 'failure'",
      ],
    ],
    ['unknown actions', [aStep('a', anAction('models.none'))], ["steps[0].action.name: there is no action 'models.none'"]],
    [
      'inputs of actions',
      [aStep('a', anAction('log', { text: 'x' }))],
      ['steps[0].action.input.text: there is no such field', 'steps[0].action.input.message: is required'],
    ],
    [
      'inputs of actions that have none',
      [aStep('a', anAction('noop', { x: 1 }))],
      ['steps[0].action.input.x: there is no such field; there are none'],
    ],
    ['expressions', [aStep('a', aTask({ deep: ['${1 +}'] }))], ["steps[0].task.input.deep[0]: '1 +' is not a CEL expression"]],
    ['expressions that are not closed', [aStep('a', aTask({ x: '${1' }))], ["steps[0].task.input: '${' is not closed"]],
    [
      'variables',
      [aStep('a', aTask({ x: '${inputs.n}' }))],
      ["steps[0].task.input.x: reads 'inputs', which is not one of input, context, execution, tenant, steps"],
    ],
    ['failure outside handlers', [aStep('a', aTask({ x: '${failure.reason}' }))], ["steps[0].task.input.x: reads 'failure'"]],
    ['steps as a whole', [aStep('a', aTask({ x: '${steps[input.n].output}' }))], ["steps[0].task.input.x: reads 'steps' as a whole"]],
    ['unknown steps', [aStep('a', aTask({ x: '${steps.b.output}' }))], ["steps[0].task.input.x: reads step 'b', which does not exist"]],
    [
      'steps that need not have ended',
      [aStep('a'), aStep('b', aTask({ x: '${steps.a.output}' }))],
      ["steps[1].task.input.x: reads step 'a', which need not have ended by then"],
    ],
    [
      'fields of steps',
      [aStep('a'), aStep('b', aTask({ x: '${steps.a.result}' }), { needs: ['a'] })],
      ["steps[1].task.input.x: reads 'result' of step 'a'"],
    ],
    [
      'conditions',
      [aStep('a', aTask(), { when: { all: [{ field: 'input.n', operator: 'in', value: 1 }] } })],
      ['steps[0].when.all[0].value: must be a list'],
    ],
    [
      'conditions that are never true',
      [aStep('a', aTask(), { when: expression('1 > 2') })],
      ['steps[0].when: is never true: the step is unreachable'],
    ],
    [
      'cases after one that is always true',
      [aStep('a', { kind: 'choice', cases: [{ when: expression('true'), steps: [aStep('b')] }], otherwise: [aStep('c')] })],
      ['steps[0].choice.cases[0].when: is always true: what follows it is unreachable'],
    ],
    [
      'cases that are never true',
      [aStep('a', { kind: 'choice', cases: [{ when: expression('false'), steps: [aStep('b')] }], otherwise: [] })],
      ['steps[0].choice.cases[0].when: is never true: its steps are unreachable'],
    ],
    [
      'problems in otherwise',
      [
        aStep('a', {
          kind: 'choice',
          cases: [{ when: expression('input.n'), steps: [aStep('b')] }],
          otherwise: [aStep('c', aTask({ x: '${y}' }))],
        }),
      ],
      ["steps[0].choice.otherwise[0].task.input.x: reads 'y'"],
    ],
    [
      'timestamps',
      [aStep('a', wait({ kind: 'timestamp', timestamp: 'tomorrow' }))],
      ['steps[0].wait.timestamp: must be an RFC 3339 timestamp'],
    ],
    ['timestamps that are computed', [aStep('a', wait({ kind: 'timestamp', timestamp: '${x}' }))], ["steps[0].wait.timestamp: reads 'x'"]],
    [
      'filters',
      [aStep('a', wait({ kind: 'event', type: 'q2.a.b', filter: expression('events.x') }))],
      ["steps[0].wait.event.filter: reads 'events'"],
    ],
  ])('finds what is wrong with %s', (_, steps, expected) => {
    const found = of(...steps);
    expect(found).toHaveLength(expected.length);
    expected.forEach((start, index) => expect(found[index]?.startsWith(start) ? start : found[index]).toBe(start));
  });

  it('accepts conditions that read nothing and are true, and reports those that fail when evaluated', () => {
    expect(of(aStep('a', aTask(), { when: expression('true') }))).toEqual([]);
    expect(of(aStep('a', aTask(), { when: expression('1 / 0 > 1') }))).toEqual([]);
    expect(
      of(
        aStep('a', wait({ kind: 'timestamp', timestamp: '2026-01-01T00:00:00Z' })),
        aStep('b', wait({ kind: 'event', type: 'q2.a.b', filter: undefined })),
      ),
    ).toEqual([]);
  });

  it('checks the output, the timeout and the handlers', () => {
    const definition = aDefinition([aStep('a')], { timeoutMs: -1 });
    expect(problems(definition)).toMatchObject([{ path: 'timeout' }]);
    expect(
      problems(aDefinition([aStep('a')], { output: '${steps.h.output}', onFailure: [aStep('h', aTask({ x: '${y}' }))] })),
    ).toMatchObject([{ path: 'onFailure[0].task.input.x' }, { path: 'output' }]);
  });

  it('bounds the number and the nesting of steps', () => {
    const many = Array.from({ length: maxSteps + 1 }, (_, index) => aStep(`s${index}`));
    expect(of(...many)).toEqual([expect.stringMatching(/is one step more than the 500 allowed$/)]);
    const deep = Array.from({ length: maxNesting + 1 }).reduce<Step>(
      (inner, _, index) => aStep(`p${index}`, parallel([inner])),
      aStep('a'),
    );
    expect(of(deep)).toEqual([expect.stringContaining('nests deeper than the 8 levels allowed')]);
  });

  it('passes on what is no refusal', () => {
    const broken = {
      inputProblems: () => {
        throw new TypeError('broken');
      },
    };
    expect(() => validateDefinition(aDefinition([aStep('a', anAction('x'))]), broken)).toThrow('broken');
  });
});
