import { type Definition, innerLists, type Step } from './definition.js';

/** A list of steps that begins together: the definition's own, its failure handlers, a case, or a branch. */
export interface Scope {
  /** Step that it lies within; undefined for the two of the definition itself. */
  readonly owner: string | undefined;
  /** Which of the owner's lists it is. */
  readonly index: number;
  /** Whether it runs because the execution failed. */
  readonly isHandler: boolean;
  readonly steps: readonly string[];
}

/** A step with its place among the others. */
export interface PlannedStep {
  readonly step: Step;
  readonly scope: Scope;
  /** The lists within it. */
  readonly inner: readonly Scope[];
  /** Steps that have ended, or never will begin, once this one begins: those it needs, directly or not, and what is within them. */
  readonly before: ReadonlySet<string>;
}

/** When a step of the plan is looked at: to begin it, or to end it once everything within has ended. */
interface Turnstile {
  readonly id: string;
  readonly phase: 'open' | 'close';
}

/** A definition made ready to run. It depends on nothing else and can be cached with the version. */
export interface Plan {
  readonly definition: Definition;
  readonly root: Scope;
  readonly handlers: Scope;
  readonly steps: ReadonlyMap<string, PlannedStep>;
  /** Every step after all it needs, in an order that the definition alone decides. */
  readonly order: readonly Turnstile[];
}

/** Orders a definition. It must be without problems: a cycle is left out silently, and validation refuses it. */
export function planOf(definition: Definition): Plan {
  const planner = new Planner();
  const root = planner.addScope(definition.steps, { owner: undefined, index: 0, isHandler: false }, new Set());
  const all = new Set(planner.steps.keys());
  const handlers = planner.addScope(definition.onFailure, { owner: undefined, index: 0, isHandler: true }, all);
  return { definition, root, handlers, steps: planner.steps, order: planner.order };
}

class Planner {
  readonly steps = new Map<string, PlannedStep>();
  readonly order: Turnstile[] = [];

  addScope(steps: readonly Step[], place: Omit<Scope, 'steps'>, before: ReadonlySet<string>): Scope {
    const scope = { ...place, steps: steps.map(({ id }) => id) };
    for (const step of topologically(steps)) this.addStep(step, scope, before);
    return scope;
  }

  private addStep(step: Step, scope: Scope, outside: ReadonlySet<string>): void {
    const before = new Set(outside);
    for (const need of step.needs) for (const id of this.throughEndOf(need)) before.add(id);
    this.order.push({ id: step.id, phase: 'open' });
    const lists = innerLists(step.work);
    const inner = lists.map((list, index) => this.addScope(list, { owner: step.id, index, isHandler: scope.isHandler }, before));
    if (lists.length > 0) this.order.push({ id: step.id, phase: 'close' });
    this.steps.set(step.id, { step, scope, inner, before });
  }

  /** All that has ended once the step has: what came before it, what is within it, and itself. */
  private *throughEndOf(id: string): Iterable<string> {
    const planned = this.steps.get(id);
    if (planned === undefined) return;
    yield* planned.before;
    yield* this.within(planned);
  }

  private *within(planned: PlannedStep): Iterable<string> {
    yield planned.step.id;
    for (const scope of planned.inner) {
      for (const id of scope.steps) {
        const child = this.steps.get(id);
        if (child !== undefined) yield* this.within(child);
      }
    }
  }
}

/** Steps in the definition's order, each after those that it needs. Those on a cycle are missing. */
export function topologically(steps: readonly Step[]): readonly Step[] {
  const placed = new Set<string>();
  const known = new Set(steps.map(({ id }) => id));
  const ordered: Step[] = [];
  let left = steps;
  for (;;) {
    const isReady = (step: Step) => step.needs.every((need) => placed.has(need) || !known.has(need));
    const next = left.find(isReady);
    if (next === undefined) return ordered;
    ordered.push(next);
    placed.add(next.id);
    left = left.filter((step) => step !== next);
  }
}
