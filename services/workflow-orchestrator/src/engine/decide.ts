import { isAttempted } from '../definition/definition.js';
import type { PlannedStep } from '../definition/plan.js';
import { advance, cancelExecution, cancelUnfinished, endFailed, failExecution } from './advance.js';
import { failAttempt, failStep, recallTask, succeedStep } from './attempt.js';
import type { ExecutionEvent } from './event.js';
import { executionTimer } from './execution-timer.js';
import { type ExecutionState, hasEnded, type StepState } from './state.js';
import { type Decision, type Situation, Turn } from './turn.js';
import { hearEvent, receiveSignal } from './wait.js';

/** The state of an execution that has been accepted and not begun. */
export function initialState(atMs: number): ExecutionState {
  return { status: 'running', isPaused: false, run: 0, startedAtMs: atMs, steps: {}, signals: {}, timers: {} };
}

/**
 * The engine: what an event makes of an execution, and what is to be done about it. It reads no clock, does no I/O and
 * draws no random numbers, so the same events from the same state always lead to the same end; and as no step sees
 * anything but what comes before it by definition, the order of events that don't depend on each other makes no
 * difference to how an execution ends.
 *
 * @param situation the definition, what is fixed about the execution, and the time of the event
 */
export function decide(situation: Situation, state: ExecutionState, event: ExecutionEvent): Decision {
  const turn = new Turn(situation, state);
  if (hasEnded(state) && event.type !== 'retryRequested') return turn.decision();
  apply(turn, event);
  advance(turn);
  return turn.decision();
}

function apply(turn: Turn, event: ExecutionEvent): void {
  switch (event.type) {
    case 'started':
      return start(turn);
    case 'taskCompleted':
    case 'taskFailed':
    case 'progressed':
    case 'logged':
      return isCurrent(turn, event) ? hearOfAttempt(turn, event) : undefined;
    case 'timersDue':
      return fireTimers(turn);
    case 'signalled':
      return receiveSignal(turn, event.signal, event.payload);
    case 'heard':
      return hearEvent(turn, event.step, event.event);
    case 'cancelRequested':
      return cancelExecution(turn, event.reason);
    case 'pauseRequested':
      return pause(turn, true);
    case 'resumeRequested':
      return pause(turn, false);
    case 'retryRequested':
      return retryFromFailure(turn);
  }
}

type AttemptEvent = Extract<ExecutionEvent, { readonly attempt: number }>;

/** What the attempt under way says. */
function hearOfAttempt(turn: Turn, event: AttemptEvent): void {
  switch (event.type) {
    case 'taskCompleted':
      return succeedStep(turn, event.step, event.output);
    case 'taskFailed':
      return failAttempt(turn, event.step, event);
    case 'progressed':
      return turn.note('PROGRESS', event.step, { progress: event.progress });
    case 'logged':
      return turn.note('LOGGED', event.step, event.data);
  }
}

/** Delivered twice, it begins once. */
function start(turn: Turn): void {
  if (turn.state.timers[executionTimer] !== undefined || Object.keys(turn.state.steps).length > 0) return;
  turn.state.startedAtMs = turn.atMs;
  turn.setTimer(executionTimer, turn.atMs + turn.plan.definition.timeoutMs);
  turn.note('EXECUTION_STARTED', '', { input: turn.situation.facts.input });
}

/** Whether a result is that of the attempt under way. A late one, or one told twice, is not. */
function isCurrent(turn: Turn, { step, attempt }: { step: string; attempt: number }): boolean {
  const state = turn.step(step);
  return state?.status === 'running' && state.attempts === attempt;
}

function pause(turn: Turn, isPaused: boolean): void {
  if (turn.state.isPaused === isPaused) return;
  turn.state.isPaused = isPaused;
  turn.note(isPaused ? 'EXECUTION_PAUSED' : 'EXECUTION_RESUMED');
}

/** Fires what is due, the earliest first; a timer that an earlier one has cleared is gone. */
function fireTimers(turn: Turn): void {
  const due = Object.entries(turn.state.timers).filter(([, dueAtMs]) => dueAtMs <= turn.atMs);
  const earliestFirst = due.sort(([leftKey, left], [rightKey, right]) => left - right || (leftKey < rightKey ? -1 : 1));
  for (const [key] of earliestFirst) {
    if (turn.state.timers[key] === undefined) continue;
    turn.clearTimer(key);
    fire(turn, key);
  }
}

function fire(turn: Turn, key: string): void {
  const [kind, id = ''] = key.split(':');
  if (kind === executionTimer) return timeOutExecution(turn);
  if (kind === 'wait') return succeedStep(turn, id, null);
  if (kind === 'timeout') timeOutStep(turn, turn.planned(id));
  // A retry's timer is gone by now, and that is what lets its step begin again.
}

function timeOutExecution(turn: Turn): void {
  cancelUnfinished(turn);
  if (turn.state.status === 'failing') return void endFailed(turn);
  const seconds = turn.plan.definition.timeoutMs / 1000;
  failExecution(turn, { step: '', reason: 'TIMEOUT', message: `the execution took longer than the ${seconds} s allowed` });
}

function timeOutStep(turn: Turn, { step, inner }: PlannedStep): void {
  const failure = { reason: 'TIMEOUT', message: `step '${step.id}' took longer than the ${(step.timeoutMs ?? 0) / 1000} s allowed` };
  recallTask(turn, step.id);
  if (isAttempted(step.work)) return failAttempt(turn, step.id, { ...failure, isFinal: false });
  for (const { steps } of inner) cancelWithin(turn, steps);
  failStep(turn, step.id, failure);
}

function cancelWithin(turn: Turn, ids: readonly string[]): void {
  cancelUnfinished(turn, ids);
  for (const id of ids) for (const { steps } of turn.planned(id).inner) cancelWithin(turn, steps);
}

/** Begins a failed execution again: what failed, and what was skipped because of it, will run; what succeeded keeps its output. */
function retryFromFailure(turn: Turn): void {
  if (turn.state.status !== 'failed') return;
  const steps = Object.entries(turn.state.steps).map(([id, state]) => [id, mustRunAgain(turn, id) ? again(turn, state) : state]);
  Object.assign(turn.state, { steps: Object.fromEntries(steps), status: 'running', run: turn.state.run + 1 });
  delete turn.state.failure;
  delete turn.state.endedAtMs;
  turn.setTimer(executionTimer, turn.atMs + turn.plan.definition.timeoutMs);
  turn.note('RETRIED_FROM_FAILURE');
}

function mustRunAgain(turn: Turn, id: string): boolean {
  const { owner, isHandler } = turn.planned(id).scope;
  if (isHandler) return true;
  if (owner !== undefined && !mustRunAgain(turn, owner)) return false;
  const state = turn.step(id);
  return turn.hasFailed(id) || state?.status === 'cancelled' || state?.skippedBy === 'needs';
}

function again(turn: Turn, { attempts }: StepState): StepState {
  return { status: 'pending', attempts, earlierAttempts: attempts, startedAtMs: turn.atMs };
}
