import { compileCondition, compileExpression, type Condition, type JsonValue, type Reference, templateExpressions } from '@q2/expressions';
import type { Plan } from './plan.js';
import { type Problem, problemsOf } from './problem.js';

/** What an expression at some place of a definition may read. */
export interface Visible {
  /** Variables besides `steps`. */
  readonly variables: ReadonlySet<string>;
  /** Steps that have ended when it is evaluated. */
  readonly before: ReadonlySet<string>;
  readonly plan: Plan;
}

/** Variables that every expression may read. */
export const commonVariables = ['input', 'context', 'execution', 'tenant'] as const;

const stepFields = new Set(['output', 'status', 'failure']);

/** Checks the `${…}` in a template: that they compile, and read what is there by then. */
export function templateProblems(template: JsonValue, path: string, visible: Visible): readonly Problem[] {
  return problemsOf(path, () =>
    templateExpressions(template).flatMap((found) => {
      const place = path + found.path;
      return problemsOf(place, () => referenceProblems(compileExpression(found.source).references, place, visible));
    }),
  );
}

/** Checks a condition in the same way, and that it is not decided beforehand where it reads nothing. */
export function conditionProblems(condition: Condition, path: string, visible: Visible): readonly Problem[] {
  return problemsOf(path, () => referenceProblems(compileCondition(condition).references, path, visible));
}

/** The value of a condition that reads nothing, such as `false`; undefined for all others and for those that fail. */
export function constantValue(condition: Condition): boolean | undefined {
  try {
    const compiled = compileCondition(condition);
    return compiled.references.length === 0 ? compiled.holds({}) : undefined;
  } catch {
    // Whatever is wrong with it is reported by conditionProblems, or when it is evaluated.
    return undefined;
  }
}

function referenceProblems(references: readonly Reference[], path: string, visible: Visible): readonly Problem[] {
  return references.flatMap((reference) => {
    const description = wrongWith(reference, visible);
    return description === undefined ? [] : [{ path, description }];
  });
}

function wrongWith([root = '', id, field]: Reference, { variables, before, plan }: Visible): string | undefined {
  if (root !== 'steps')
    return variables.has(root) ? undefined : `reads '${root}', which is not one of ${[...variables, 'steps'].join(', ')}`;
  if (id === undefined) return "reads 'steps' as a whole; name the step, such as steps.train.output";
  if (!plan.steps.has(id)) return `reads step '${id}', which does not exist`;
  if (!before.has(id)) return `reads step '${id}', which need not have ended by then; add it to needs`;
  if (field !== undefined && !stepFields.has(field)) return `reads '${field}' of step '${id}', which has only output, status and failure`;
  return undefined;
}
