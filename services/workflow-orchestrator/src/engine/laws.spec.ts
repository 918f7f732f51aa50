import fc from 'fast-check';
import { type Definition, innerLists, type Step } from '../definition/definition.js';
import { planOf } from '../definition/plan.js';
import { validateDefinition } from '../definition/validate.js';
import { aDefinition, anAction, aStep, aTask, once } from '../testing/definitions.testing.js';
import { Simulation } from '../testing/simulation.testing.js';
import { decide, initialState } from './decide.js';
import { isSettled, nextTimerAtMs } from './state.js';

/** Everything random about a definition, as numbers, so that fast-check can shrink it. */
interface Shape {
  readonly kind: number;
  readonly needs: readonly boolean[];
  readonly rule: number;
  readonly flags: readonly boolean[];
  readonly inner: readonly (readonly Shape[])[];
}

const shapes = fc.letrec<{ list: readonly Shape[] }>((tie) => ({
  list: fc.array(
    fc.record({
      kind: fc.nat(9),
      needs: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      rule: fc.nat(3),
      flags: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      inner: fc.oneof(
        { maxDepth: 2, depthSize: 'small' },
        fc.constant<readonly (readonly Shape[])[]>([]),
        fc.array(tie('list'), { minLength: 1, maxLength: 3 }),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})).list;

const rules = ['all_succeeded', 'all_done', 'any_succeeded', 'none_failed'] as const;

/** Builds steps of a shape; each reads what it needs, so that a wrong order would show. */
function stepsOf(list: readonly Shape[], prefix: string): Step[] {
  return list.map((shape, index) => {
    const needs = list.flatMap((_, before) => (before < index && shape.needs[before % 4] === true ? [`${prefix}${before}`] : []));
    const reads = Object.fromEntries(needs.map((need) => [need, `\${steps.${need}}`]));
    const [continues = false, hasCondition = false, retries = false] = shape.flags;
    const needsRule = rules[needs.length === 0 ? 0 : shape.rule] ?? 'all_succeeded';
    const work = workOf(shape, `${prefix}${index}`, reads);
    const canRetry = work.kind === 'task' && retries;
    return aStep(`${prefix}${index}`, work, {
      needs,
      needsRule,
      continueOnFailure: continues,
      when: hasCondition && needs.length > 0 ? { expression: `steps.${needs[0]}.status != 'failed'` } : undefined,
      retry: canRetry ? { ...once, maxAttempts: 3 } : once,
    });
  });
}

function workOf(shape: Shape, id: string, reads: Record<string, string>): Step['work'] {
  const inner = shape.inner.map((list, index) => stepsOf(list, `${id}_${index}_`)).filter((list) => list.length > 0);
  if (inner.length > 0 && shape.kind % 2 === 0) return { kind: 'parallel', branches: inner, maxConcurrency: 1 + (shape.kind % 3) };
  if (inner.length > 0) {
    return {
      kind: 'choice',
      cases: inner.map((steps, index) => ({ when: { expression: `input.choice == ${index}` }, steps })),
      otherwise: [],
    };
  }
  if (shape.kind === 0) return anAction('context.set', { last: id, [id]: true });
  if (shape.kind === 1) return { kind: 'wait', until: { kind: 'duration', durationMs: 1000 + id.length } };
  if (shape.kind === 2) return anAction('transform', { ...reads, context: '${context}' });
  if (shape.kind === 3) return anAction('fail');
  return aTask({ ...reads, context: '${context}' });
}

const definitions = fc.tuple(shapes, shapes, fc.boolean()).map(([main, handlers, hasHandlers]): Definition =>
  aDefinition(stepsOf(main, 's'), {
    onFailure: hasHandlers ? stepsOf(handlers, 'h') : [],
    output: { context: '${context}' },
    timeoutMs: 1e9,
  }),
);

/** How a task of a step ends is decided by its name and attempt alone. */
function endTask(simulation: Simulation, step: string): void {
  const attempt = simulation.tasks.get(step)?.attempt ?? 0;
  const digest = [...`${step}/${attempt}`].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 1009, 7);
  if (digest % 3 === 0) simulation.fail(step, 'BROKEN', digest % 2 === 0);
  else simulation.complete(step, { by: step, attempt });
}

/** Runs an execution to its end; `choices` decides who is next: a task that is out, or the clock. */
function runToEnd(
  definition: Definition,
  choices: readonly number[],
  disturb: (simulation: Simulation, choice: number) => void = () => undefined,
): Simulation {
  const simulation = Simulation.of(definition, { choice: 1 });
  for (let turn = 0; !simulation.hasEnded; turn += 1) {
    if (turn > 5000) throw new Error(`does not end: ${JSON.stringify(simulation.state)}`);
    const choice = choices[turn % Math.max(1, choices.length)] ?? 0;
    disturb(simulation, choice);
    if (simulation.hasEnded) return simulation;
    const tasks = [...simulation.tasks.keys()];
    const pick = tasks[choice % (tasks.length + 1)];
    if (pick !== undefined) endTask(simulation, pick);
    else passTime(simulation);
  }
  return simulation;
}

/** The clock moves to the next timer, unless tasks are out and only the execution's own time is left. */
function passTime(simulation: Simulation): void {
  const due = nextTimerAtMs(simulation.state);
  const [first] = simulation.tasks.keys();
  if (due !== undefined && due - simulation.atMs < 1e8) simulation.wait(due - simulation.atMs);
  else if (first !== undefined) endTask(simulation, first);
  else throw new Error(`hangs: ${JSON.stringify(simulation.state)}`);
}

const orders = fc.array(fc.nat(50), { minLength: 1, maxLength: 60 });

describe('any execution', () => {
  it('of a definition made here is valid to begin with', () => {
    const anyAction = { inputProblems: () => [] };
    fc.assert(
      fc.property(definitions, (definition) =>
        expect(validateDefinition(definition, anyAction).filter(({ description }) => !description.includes('unreachable'))).toEqual([]),
      ),
    );
  });

  it('ends, whatever fails and in whatever order things end', () => {
    fc.assert(
      fc.property(definitions, orders, (definition, order) => expect(runToEnd(definition, order).hasEnded).toBe(true)),
      { numRuns: 50 },
    );
  });

  it('ends in the same state, whatever the order of completions', () => {
    fc.assert(
      fc.property(definitions, orders, orders, (definition, one, other) => {
        expect(runToEnd(definition, one).end).toEqual(runToEnd(definition, other).end);
      }),
      { numRuns: 60 },
    );
  });

  it('ends in the same state when it is paused and resumed on the way', () => {
    fc.assert(
      fc.property(definitions, orders, (definition, order) => {
        const disturbed = runToEnd(definition, order, (simulation, choice) => {
          if (choice % 3 !== 0) return;
          simulation.send({ type: 'pauseRequested' });
          const [task] = simulation.tasks.keys();
          if (task !== undefined) endTask(simulation, task);
          simulation.send({ type: 'resumeRequested' });
        });
        expect(disturbed.end).toEqual(runToEnd(definition, order).end);
      }),
      { numRuns: 60 },
    );
  });

  it('ends in the same state when results are told twice and timers fire for nothing', () => {
    fc.assert(
      fc.property(definitions, orders, (definition, order) => {
        const disturbed = runToEnd(definition, order, (simulation, choice) => {
          const told = simulation.commands.filter((command) => command.type === 'startTask');
          const { step, attempt } = told[choice % Math.max(1, told.length)] ?? {};
          if (step === undefined || attempt === undefined || simulation.tasks.get(step)?.attempt === attempt) return;
          simulation.send({ type: 'taskCompleted', step, attempt, output: 'again' }).send({ type: 'timersDue' }).send({ type: 'started' });
        });
        expect(disturbed.end).toEqual(runToEnd(definition, order).end);
      }),
      { numRuns: 60 },
    );
  });

  it('begins no step before what it needs has ended, each attempt once, and ends with nothing left out or due', () => {
    fc.assert(
      fc.property(definitions, orders, (definition, order) => {
        const simulation = runToEnd(definition, order);
        const position = (type: string, step: string) =>
          simulation.history.findIndex((entry) => entry.step === step && entry.type.startsWith(type));
        const ended = (step: string) => Math.max(...['STEP_SUCCEEDED', 'STEP_FAILED', 'STEP_SKIPPED'].map((type) => position(type, step)));
        for (const { id, needs } of allSteps([...definition.steps, ...definition.onFailure])) {
          const started = position('STEP_STARTED', id);
          if (started >= 0) for (const need of needs) expect(ended(need)).toBeLessThan(started);
        }
        const attempts = simulation.commands.flatMap((command) =>
          command.type === 'startTask' ? [`${command.step}/${command.attempt}`] : [],
        );
        expect(new Set(attempts).size).toBe(attempts.length);
        expect(simulation.state.timers).toEqual({});
        expect(simulation.tasks.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('cancelled at any point leaves nothing running, and changes no more', () => {
    fc.assert(
      fc.property(definitions, orders, fc.nat(30), (definition, order, after) => {
        let turns = 0;
        const simulation = runToEnd(definition, order, (current) => {
          turns += 1;
          if (turns === after) current.send({ type: 'cancelRequested', reason: 'enough' });
          if (current.hasEnded) current.tasks.clear();
        });
        const unsettled = Object.values(simulation.state.steps).filter((step) => step.status !== 'pending' && !isSettled(step));
        expect(unsettled).toEqual([]);
        expect(simulation.state.timers).toEqual({});
      }),
      { numRuns: 50 },
    );
  });

  it('retried from failure keeps every output, and ends again', () => {
    fc.assert(
      fc.property(definitions, orders, (definition, order) => {
        const simulation = runToEnd(definition, order);
        if (simulation.state.status !== 'failed') return;
        const kept = Object.entries(simulation.state.steps).filter(([id, { status }]) => status === 'succeeded' && !id.startsWith('h'));
        simulation.send({ type: 'retryRequested' });
        for (const [id, step] of kept) expect(simulation.state.steps[id]).toEqual(step);
        for (let turn = 0; !simulation.hasEnded && turn < 5000; turn += 1) {
          const [task] = simulation.tasks.keys();
          if (task === undefined) passTime(simulation);
          else simulation.complete(task);
        }
        expect(simulation.hasEnded).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('replayed from its events, or from any state stored on the way, is identical', () => {
    fc.assert(
      fc.property(definitions, orders, fc.nat(40), (definition, order, crashAfter) => {
        const recorded = runToEnd(definition, order);
        const situation = {
          plan: planOf(definition),
          facts: {
            name: 'tenants/acme/executions/e1',
            tenant: 'acme',
            workflow: 'tenants/acme/workflows/nightly/versions/1',
            starter: 'tenants/acme/apiKeys/ci',
            input: { choice: 1 },
          },
        };
        let state = initialState(Date.UTC(2026, 0, 1));
        const history = recorded.events.flatMap(({ event, atMs }, index) => {
          if (index === crashAfter) state = JSON.parse(JSON.stringify(state));
          // The decision of a driver that died before it stored it is made again.
          decide({ ...situation, atMs }, state, event);
          const decision = decide({ ...situation, atMs }, state, event);
          state = decision.state;
          return decision.history;
        });
        expect(JSON.parse(JSON.stringify(state))).toEqual(recorded.state);
        expect(JSON.parse(JSON.stringify(history))).toEqual(JSON.parse(JSON.stringify(recorded.history)));
      }),
      { numRuns: 60 },
    );
  });
});

function allSteps(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step) => [step, ...innerLists(step.work).flatMap(allSteps)]);
}
