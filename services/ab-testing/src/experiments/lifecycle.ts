import { experiments } from '@q2/contracts';
import { FailedPrecondition } from '@q2/errors';

const { State } = experiments;

/** Names under which states are stored. */
export type StateName = Exclude<keyof typeof State, 'UNSPECIFIED'>;

/** What can be done to an experiment, and the states in which it can. */
const ALLOWED = {
  update: { from: ['DRAFT'], hint: 'what runs can no longer be edited: it would bias the test' },
  start: { from: ['DRAFT'], hint: 'it was started before' },
  pause: { from: ['RUNNING'], hint: 'only what runs can be paused' },
  resume: { from: ['PAUSED'], hint: 'only what is paused can be resumed' },
  complete: { from: ['RUNNING', 'PAUSED'], hint: 'only what was started and is not over can be completed' },
  'roll back': { from: ['RUNNING', 'PAUSED'], hint: 'only what was started and is not over can be rolled back' },
} as const satisfies Record<string, { from: readonly StateName[]; hint: string }>;

export type Action = keyof typeof ALLOWED;

/**
 * Makes sure that an experiment is in a state that allows an action.
 *
 * @throws {FailedPrecondition} EXPERIMENT_STATE
 */
export function requireAllowed(action: Action, experiment: { readonly name: string; readonly state: StateName }): void {
  const { from, hint } = ALLOWED[action];
  const allowed: readonly StateName[] = from;
  if (allowed.includes(experiment.state)) return;
  const { name, state } = experiment;
  throw new FailedPrecondition('EXPERIMENT_STATE', `cannot ${action} ${name}: it is ${state}, must be ${from.join(' or ')}; ${hint}`, {
    experiment: name,
    state,
  });
}

/** Whether data on units is taken in this state. */
export function takesData(state: StateName): boolean {
  return state === 'RUNNING' || state === 'PAUSED';
}
