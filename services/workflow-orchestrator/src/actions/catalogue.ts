import type { JsonObject } from '@q2/expressions';
import { type ActionWork, type Definition, innerLists, type Step } from '../definition/definition.js';
import type { Problem } from '../definition/problem.js';
import type { ActionRules } from '../definition/validate.js';
import { inlineActions } from '../engine/inline-action.js';
import { serviceActions } from './service-action.js';

/** Input fields of the actions that run within a decision: all that they have, and those that must be given. */
const inlineFields: Readonly<Record<string, { readonly all: readonly string[]; readonly required: readonly string[] }>> = {
  noop: { all: [], required: [] },
  fail: { all: ['reason', 'message'], required: [] },
  log: { all: ['message', 'level'], required: ['message'] },
  'event.emit': { all: ['type', 'data'], required: ['type'] },
};

/** The built-in actions, as far as definitions need to know. */
export const actionRules: ActionRules = {
  inputProblems: ({ name, input }: ActionWork) =>
    inlineActions.has(name) ? inlineProblems(name, input) : serviceActions.get(name)?.inputProblems(input),
};

function inlineProblems(name: string, input: JsonObject): readonly Problem[] {
  const fields = inlineFields[name];
  if (fields === undefined) return [];
  const unknown = Object.keys(input).filter((key) => !fields.all.includes(key));
  const missing = fields.required.filter((key) => !(key in input));
  return [
    ...unknown.map((key) => ({ path: `.${key}`, description: `there is no such field; there are ${fields.all.join(', ') || 'none'}` })),
    ...missing.map((key) => ({ path: `.${key}`, description: 'is required' })),
  ];
}

/** The permissions that a definition's actions need, sorted, each once. */
export function requiredPermissions({ steps, onFailure }: Definition): readonly string[] {
  const permissions = [...steps, ...onFailure].flatMap(actionsIn).flatMap(({ name }) => serviceActions.get(name)?.permission ?? []);
  return [...new Set(permissions)].sort();
}

function actionsIn(step: Step): readonly ActionWork[] {
  const own = step.work.kind === 'action' ? [step.work] : [];
  return [...own, ...innerLists(step.work).flat().flatMap(actionsIn)];
}
