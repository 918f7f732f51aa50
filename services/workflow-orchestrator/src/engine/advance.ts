import { compileCondition, renderTemplate } from '@q2/expressions';
import { type ChoiceWork, isAttempted } from '../definition/definition.js';
import type { PlannedStep, Scope } from '../definition/plan.js';
import { beginAttempt, cancelStep, failStep, outputTooLarge, reasonOf, retryTimer, succeedStep, timeoutTimer } from './attempt.js';
import { failureData } from './command.js';
import { executionTimer } from './execution-timer.js';
import { hasEnded, isSettled } from './state.js';
import type { Turn } from './turn.js';
import { variablesOf } from './variables.js';
import { beginWait } from './wait.js';

/** Begins everything that may begin, and ends everything that has ended, until nothing more follows. */
export function advance(turn: Turn): void {
  while (!hasEnded(turn.state)) {
    const moved = turn.plan.order.map(({ id, phase }) => (phase === 'open' ? open(turn, id) : close(turn, id))).some(Boolean);
    const hasTurned = endPhase(turn);
    if (!moved && !hasTurned) return;
  }
}

/** Begins a step that is ready. True where anything changed. */
function open(turn: Turn, id: string): boolean {
  const planned = turn.planned(id);
  const status = turn.step(id)?.status ?? 'pending';
  if (!isActive(turn, planned.scope)) return false;
  if (status === 'retrying') return retry(turn, planned);
  if (status !== 'pending' || !planned.step.needs.every((need) => isSettled(turn.step(need)))) return false;
  return begin(turn, planned);
}

function begin(turn: Turn, planned: PlannedStep): boolean {
  const { id } = planned.step;
  if (!areNeedsMet(turn, planned)) return skip(turn, id, 'needs');
  if (turn.state.isPaused) return false;
  turn.change(id, { startedAtMs: turn.atMs });
  try {
    const { when } = planned.step;
    if (when !== undefined && !compileCondition(when).holds(variablesOf(turn, planned.before, planned.scope.isHandler)))
      return skip(turn, id, 'when');
  } catch (error) {
    failStep(turn, id, reasonOf(error));
    return true;
  }
  beginWork(turn, planned);
  return true;
}

function beginWork(turn: Turn, planned: PlannedStep): void {
  const { id, work, timeoutMs } = planned.step;
  if (isAttempted(work)) return beginAttempt(turn, { ...planned, work });
  if (work.kind === 'wait') return beginWait(turn, planned, work);
  turn.change(id, { status: 'running' });
  turn.note('STEP_STARTED', id);
  if (timeoutMs !== undefined) turn.setTimer(timeoutTimer(id), turn.atMs + timeoutMs);
  if (work.kind === 'choice') choose(turn, planned, work);
}

function choose(turn: Turn, planned: PlannedStep, { cases }: ChoiceWork): void {
  const { id } = planned.step;
  try {
    const variables = variablesOf(turn, planned.before, planned.scope.isHandler);
    const found = cases.findIndex(({ when }) => compileCondition(when).holds(variables));
    turn.change(id, { taken: found < 0 ? cases.length : found });
  } catch (error) {
    failStep(turn, id, reasonOf(error));
  }
}

function skip(turn: Turn, id: string, skippedBy: 'when' | 'needs'): true {
  turn.change(id, { status: 'skipped', skippedBy, endedAtMs: turn.atMs });
  turn.note('STEP_SKIPPED', id, { by: skippedBy });
  return true;
}

/** A step whose next attempt is due: its timer has gone, and nothing is paused. */
function retry(turn: Turn, planned: PlannedStep): boolean {
  const { id, work } = planned.step;
  const isDue = turn.state.timers[retryTimer(id)] === undefined && !turn.state.isPaused;
  if (isDue && isAttempted(work)) beginAttempt(turn, { ...planned, work });
  return isDue;
}

function areNeedsMet(turn: Turn, { step }: PlannedStep): boolean {
  const succeeded = (id: string) => turn.step(id)?.status === 'succeeded' || (turn.step(id)?.status === 'failed' && !turn.hasFailed(id));
  switch (step.needsRule) {
    case 'all_succeeded':
      return step.needs.every(succeeded);
    case 'any_succeeded':
      return step.needs.some(succeeded);
    case 'none_failed':
      return !step.needs.some((id) => turn.hasFailed(id));
    case 'all_done':
      return true;
  }
}

/** Whether the steps of a list may begin. */
function isActive(turn: Turn, scope: Scope): boolean {
  if (scope.owner === undefined) return turn.state.status === (scope.isHandler ? 'failing' : 'running');
  const owner = turn.step(scope.owner);
  if (owner?.status !== 'running') return false;
  const { inner, step } = turn.planned(scope.owner);
  if (step.work.kind === 'choice') return owner.taken === scope.index;
  const unfinished = inner.slice(0, scope.index).filter((earlier) => !turn.isListSettled(earlier));
  return step.work.kind === 'parallel' && unfinished.length < step.work.maxConcurrency;
}

/** Ends a choice or parallel once all that it set going has ended. True where it did. */
function close(turn: Turn, id: string): boolean {
  const state = turn.step(id);
  if (state?.status !== 'running') return false;
  const { step, inner } = turn.planned(id);
  const lists = step.work.kind === 'choice' ? inner.filter(({ index }) => index === state.taken) : inner;
  if (!lists.every((list) => turn.isListSettled(list))) return false;
  const failure = lists.map((list) => turn.firstFailure(list)).find((each) => each !== undefined);
  if (failure !== undefined) failStep(turn, id, failure);
  else succeedStep(turn, id, step.work.kind === 'choice' ? { taken: state.taken ?? 0 } : null);
  return true;
}

/** Ends the execution, or its first phase, once all its steps have ended. True where it did. */
function endPhase(turn: Turn): boolean {
  const { root, handlers } = turn.plan;
  if (turn.state.status === 'failing') return turn.isListSettled(handlers) && endFailed(turn);
  if (hasEnded(turn.state) || !turn.isListSettled(root)) return false;
  const failure = turn.firstFailure(root);
  if (failure === undefined) succeed(turn);
  else failExecution(turn, failure);
  return true;
}

function succeed(turn: Turn): void {
  const template = turn.plan.definition.output;
  try {
    const before = new Set([...turn.plan.steps].filter(([, { scope }]) => !scope.isHandler).map(([id]) => id));
    const output = template === undefined ? null : renderTemplate(template, variablesOf(turn, before, false));
    const tooLarge = outputTooLarge(output);
    if (tooLarge !== undefined) return failExecution(turn, { step: '', ...tooLarge });
    turn.state.output = output;
    end(turn, 'succeeded');
    turn.note('EXECUTION_SUCCEEDED', '', { output });
  } catch (error) {
    failExecution(turn, { step: '', ...reasonOf(error) });
  }
}

/** The execution has failed: its handlers run, if it has any. */
export function failExecution(turn: Turn, failure: { step: string; reason: string; message: string }): void {
  turn.state.failure = failure;
  turn.state.status = 'failing';
  if (turn.plan.handlers.steps.length === 0) return;
  // Handlers get the same time again: nothing that was started runs for ever.
  turn.setTimer(executionTimer, turn.atMs + turn.plan.definition.timeoutMs);
  turn.note('FAILURE_HANDLING_STARTED', '', { step: failure.step, ...failureData(failure) });
}

/** Ends an execution whose failure is handled, or cannot be. */
export function endFailed(turn: Turn): true {
  const { failure } = turn.state;
  end(turn, 'failed');
  turn.note('EXECUTION_FAILED', '', failure === undefined ? {} : { step: failure.step, ...failureData(failure) });
  return true;
}

function end(turn: Turn, status: 'succeeded' | 'failed' | 'cancelled'): void {
  turn.state.status = status;
  turn.state.isPaused = false;
  turn.state.endedAtMs = turn.atMs;
  turn.state.timers = {};
}

/** Stops everything that runs, and the execution with it. */
export function cancelExecution(turn: Turn, reason: string): void {
  cancelUnfinished(turn);
  end(turn, 'cancelled');
  turn.note('EXECUTION_CANCELLED', '', { reason });
}

/** Stops every step that has begun and not ended, innermost last, so that no container outlives its parts. */
export function cancelUnfinished(turn: Turn, ids: Iterable<string> = turn.plan.order.map(({ id }) => id)): void {
  for (const id of new Set(ids)) {
    const state = turn.step(id);
    if (state !== undefined && state.status !== 'pending' && !isSettled(state)) cancelStep(turn, id);
  }
}
