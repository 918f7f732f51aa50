import { schedules } from '@q2/contracts';
import { dependencyWindowMs } from '../triggers/trigger.js';
import type { ExecutionEnd } from './cloud-event.js';

/** The latest end of a workflow's execution that a trigger has seen and not used up. */
export interface SeenEnd {
  readonly workflow: string;
  readonly endedAt: Date;
}

const { DependencyMode, EndState } = schedules;
const states = { COMPLETED: EndState.COMPLETED, FAILED: EndState.FAILED, CANCELLED: EndState.CANCELLED };

/** Whether an end is one that the condition waits for. */
export function isAwaited(condition: schedules.DependencyCondition, end: Pick<ExecutionEnd, 'workflow' | 'state'>): boolean {
  const dependency = condition.workflows.find(({ workflow }) => workflow === end.workflow);
  if (dependency === undefined) return false;
  const accepted = dependency.endStates.length === 0 ? [EndState.COMPLETED] : dependency.endStates;
  return accepted.includes(states[end.state]);
}

/** Whether any one end is enough to fire. */
export function isAnyEnough(condition: schedules.DependencyCondition): boolean {
  return condition.mode === DependencyMode.ANY;
}

/** Whether each workflow has ended as awaited, all of them within the window. */
export function haveAllEnded(condition: schedules.DependencyCondition, seen: readonly SeenEnd[]): boolean {
  const times = condition.workflows.map(({ workflow }) => seen.find((end) => end.workflow === workflow)?.endedAt.getTime() ?? Number.NaN);
  return Math.max(...times) - Math.min(...times) <= dependencyWindowMs(condition);
}
