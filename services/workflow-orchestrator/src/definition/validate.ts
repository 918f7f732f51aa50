import type { Condition } from '@q2/expressions';
import type { ActionWork, Definition, RetryPolicy, Step, WaitWork } from './definition.js';
import { innerLists, isAttempted } from './definition.js';
import { jobProblems } from './job-problems.js';
import { type Plan, planOf, topologically } from './plan.js';
import type { Problem } from './problem.js';
import { commonVariables, conditionProblems, constantValue, templateProblems, type Visible } from './references.js';

/** What validation must know of an action. */
export interface ActionRules {
  /** Everything wrong with an input template, with paths from the input on; undefined where no such action exists. */
  inputProblems(action: ActionWork): readonly Problem[] | undefined;
}

/** Most steps of a definition, nested ones included. */
export const maxSteps = 500;

/** Deepest nesting of choices and parallels. */
export const maxNesting = 8;

/** Longest timeout, wait or interval: 366 days. */
const maxDurationMs = 366 * 24 * 3_600_000;

/** Everything that is wrong with a definition, each with its path. Nothing where it can run. */
export function validateDefinition(definition: Definition, actions: ActionRules): readonly Problem[] {
  const shape = new ShapeCheck();
  shape.checkList(definition.steps, 'steps', 1);
  shape.checkList(definition.onFailure, 'onFailure', 1);
  shape.checkDuration(definition.timeoutMs, 'timeout');
  // References make sense only once ids and order do.
  if (shape.problems.length > 0) return shape.problems;
  return new ContentCheck(planOf(definition), actions).problems();
}

const idForm = /^[a-z][a-z0-9_]{0,62}$/;

/** Ids, needs, cycles and numbers. */
class ShapeCheck {
  readonly problems: Problem[] = [];
  private readonly seen = new Map<string, string>();

  checkList(steps: readonly Step[], path: string, depth: number): void {
    if (depth > maxNesting) return this.report(path, `nests deeper than the ${maxNesting} levels allowed`);
    steps.forEach((step, index) => this.checkStep(step, steps, `${path}[${index}]`));
    this.checkCycles(steps, path);
    steps.forEach((step, index) => {
      for (const { list, path: inner } of namedLists(step, `${path}[${index}]`)) this.checkList(list, inner, depth + 1);
    });
  }

  checkDuration(durationMs: number | undefined, path: string): void {
    if (durationMs === undefined || (durationMs > 0 && durationMs <= maxDurationMs)) return;
    this.report(path, `must be more than 0 and at most 366 days, got ${durationMs / 1000} s`);
  }

  private report(path: string, description: string): void {
    this.problems.push({ path, description });
  }

  private checkStep(step: Step, siblings: readonly Step[], path: string): void {
    this.checkId(step.id, `${path}.id`);
    this.checkNeeds(step, siblings, path);
    this.checkDuration(step.timeoutMs, `${path}.timeout`);
    this.checkRetry(step, `${path}.retry`);
    if (step.work.kind === 'wait' && step.work.until.kind === 'duration')
      this.checkDuration(step.work.until.durationMs, `${path}.wait.duration`);
  }

  private checkId(id: string, path: string): void {
    if (!idForm.test(id))
      this.report(path, `must start with a letter and hold lower-case letters, digits and _ only, at most 63, got '${id}'`);
    const other = this.seen.get(id);
    if (other === undefined) this.seen.set(id, path);
    else this.report(path, `'${id}' is the id of ${other} already; ids are unique in the whole definition`);
    if (this.seen.size === maxSteps + 1) this.report(path, `is one step more than the ${maxSteps} allowed`);
  }

  private checkNeeds({ id, needs, needsRule }: Step, siblings: readonly Step[], path: string): void {
    needs.forEach((need, index) => {
      const place = `${path}.needs[${index}]`;
      if (need === id) this.report(place, 'a step cannot need itself');
      else if (!siblings.some((sibling) => sibling.id === need)) this.report(place, `there is no step '${need}' in the same list`);
      if (needs.indexOf(need) < index) this.report(place, `'${need}' is named twice`);
    });
    if (needs.length === 0 && needsRule === 'any_succeeded') this.report(`${path}.needsRule`, 'can never be met without needs');
  }

  private checkCycles(steps: readonly Step[], path: string): void {
    const ordered = new Set(topologically(steps));
    steps.forEach((step, index) => {
      if (!ordered.has(step) && !step.needs.includes(step.id))
        this.report(`${path}[${index}].needs`, `'${step.id}' waits for itself by way of ${step.needs.join(', ')}`);
    });
  }

  private checkRetry({ work, retry }: Step, path: string): void {
    if (retry.maxAttempts > 1 && !isAttempted(work)) this.report(path, 'only actions, tasks and jobs can be retried');
    this.checkDuration(retry.initialIntervalMs, `${path}.initialInterval`);
    this.checkDuration(retry.maxIntervalMs, `${path}.maxInterval`);
    this.checkIntervals(retry, path);
  }

  private checkIntervals({ initialIntervalMs, maxIntervalMs, backoffCoefficient }: RetryPolicy, path: string): void {
    if (initialIntervalMs > maxIntervalMs) this.report(`${path}.initialInterval`, 'must not be longer than maxInterval');
    if (backoffCoefficient < 1) this.report(`${path}.backoffCoefficient`, `must be at least 1, got ${backoffCoefficient}`);
  }
}

/** The lists within a step with their paths, as the contract spells them. */
function namedLists(step: Step, path: string): readonly { list: readonly Step[]; path: string }[] {
  const { work } = step;
  return innerLists(work).map((list, index) => {
    if (work.kind === 'parallel') return { list, path: `${path}.parallel.branches[${index}].steps` };
    const isCase = work.kind === 'choice' && index < work.cases.length;
    return { list, path: isCase ? `${path}.choice.cases[${index}].steps` : `${path}.choice.otherwise` };
  });
}

/** Expressions, actions, and what can never run. */
class ContentCheck {
  constructor(
    private readonly plan: Plan,
    private readonly actions: ActionRules,
  ) {}

  problems(): readonly Problem[] {
    const { steps, onFailure, output } = this.plan.definition;
    return [...this.listProblems(steps, 'steps'), ...this.listProblems(onFailure, 'onFailure'), ...this.outputProblems(output)];
  }

  private outputProblems(output: Definition['output']): readonly Problem[] {
    const before = new Set([...this.plan.steps].filter(([, { scope }]) => !scope.isHandler).map(([id]) => id));
    return output === undefined ? [] : templateProblems(output, 'output', this.visible(before, []));
  }

  private listProblems(steps: readonly Step[], path: string): readonly Problem[] {
    return steps.flatMap((step, index) => this.stepProblems(step, `${path}[${index}]`));
  }

  private stepProblems(step: Step, path: string): readonly Problem[] {
    const planned = this.plan.steps.get(step.id);
    const visible = this.visible(planned?.before ?? new Set(), planned?.scope.isHandler === true ? ['failure'] : []);
    return [
      ...this.whenProblems(step.when, `${path}.when`, visible),
      ...this.workProblems(step, path, visible),
      ...namedLists(step, path).flatMap(({ list, path: inner }) => this.listProblems(list, inner)),
    ];
  }

  private visible(before: ReadonlySet<string>, more: readonly string[]): Visible {
    return { variables: new Set<string>([...commonVariables, ...more]), before, plan: this.plan };
  }

  private whenProblems(when: Condition | undefined, path: string, visible: Visible): readonly Problem[] {
    if (when === undefined) return [];
    if (constantValue(when) === false) return [{ path, description: 'is never true: the step is unreachable' }];
    return conditionProblems(when, path, visible);
  }

  private workProblems({ work }: Step, path: string, visible: Visible): readonly Problem[] {
    switch (work.kind) {
      case 'action':
        return [...this.actionProblems(work, `${path}.action`), ...templateProblems(work.input, `${path}.action.input`, visible)];
      case 'task':
        return templateProblems(work.input, `${path}.task.input`, visible);
      case 'job':
        return jobProblems(work, `${path}.job`, visible);
      case 'wait':
        return waitProblems(work, `${path}.wait`, visible);
      case 'choice':
        return work.cases.flatMap(({ when }, index) => [
          ...conditionProblems(when, `${path}.choice.cases[${index}].when`, visible),
          ...caseProblems(when, `${path}.choice.cases[${index}].when`, index < work.cases.length - 1 || work.otherwise.length > 0),
        ]);
      case 'parallel':
        return [];
    }
  }

  private actionProblems(action: ActionWork, path: string): readonly Problem[] {
    const found = this.actions.inputProblems(action);
    if (found === undefined) return [{ path: `${path}.name`, description: `there is no action '${action.name}'` }];
    return found.map((problem) => ({ ...problem, path: `${path}.input${problem.path}` }));
  }
}

function caseProblems(when: Condition, path: string, isFollowed: boolean): readonly Problem[] {
  const value = constantValue(when);
  if (value === false) return [{ path, description: 'is never true: its steps are unreachable' }];
  return value === true && isFollowed ? [{ path, description: 'is always true: what follows it is unreachable' }] : [];
}

function waitProblems({ until }: WaitWork, path: string, visible: Visible): readonly Problem[] {
  if (until.kind === 'timestamp') return timestampProblems(until.timestamp, `${path}.timestamp`, visible);
  if (until.kind !== 'event' || until.filter === undefined) return [];
  return conditionProblems(until.filter, `${path}.event.filter`, { ...visible, variables: new Set([...visible.variables, 'event']) });
}

function timestampProblems(timestamp: string, path: string, visible: Visible): readonly Problem[] {
  if (timestamp.includes('${')) return templateProblems(timestamp, path, visible);
  if (!Number.isNaN(Date.parse(timestamp))) return [];
  return [{ path, description: `must be an RFC 3339 timestamp or an expression that gives one, got '${timestamp}'` }];
}
