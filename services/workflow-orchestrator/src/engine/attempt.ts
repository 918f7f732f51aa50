import { DomainError } from '@q2/errors';
import { isJsonObject, type JsonObject, type JsonValue, renderTemplate } from '@q2/expressions';
import { type AttemptedWork, isAttempted } from '../definition/definition.js';
import type { PlannedStep } from '../definition/plan.js';
import { failureData, type StartTask } from './command.js';
import { executionTimer } from './execution-timer.js';
import { type InlineResult, inlineActions } from './inline-action.js';
import { jobInput, jobTemplate } from './job-input.js';
import { backoffMs, deterministicUuid, mayRetry } from './retry.js';
import type { Turn } from './turn.js';
import { variablesOf } from './variables.js';

/** Largest output of a step, and of an execution, as JSON: 256 KiB. */
const maxOutputBytes = 262_144;

export const timeoutTimer = (id: string) => `timeout:${id}`;
export const retryTimer = (id: string) => `retry:${id}`;
export const waitTimer = (id: string) => `wait:${id}`;

/** An action, task or job, with its step. */
export interface Attemptable extends PlannedStep {
  readonly work: AttemptedWork;
}

/** Begins an attempt of an action, task or job. An action that needs nobody else ends with it. */
export function beginAttempt(turn: Turn, planned: Attemptable): void {
  const { id } = planned.step;
  const attempts = (turn.step(id)?.attempts ?? 0) + 1;
  turn.change(id, { status: 'running', attempts });
  turn.note('STEP_STARTED', id);
  let input: JsonObject;
  try {
    input = renderInput(turn, planned);
  } catch (error) {
    return failStep(turn, id, { ...reasonOf(error) });
  }
  const inline = planned.work.kind === 'action' ? inlineActions.get(planned.work.name) : undefined;
  if (inline === undefined) startTask(turn, planned, { attempts, input });
  else endInline(turn, planned, inline(input));
}

function renderInput(turn: Turn, { step, work, before, scope }: Attemptable): JsonObject {
  const isJob = work.kind === 'job';
  const rendered = renderTemplate(isJob ? jobTemplate(work) : work.input, variablesOf(turn, before, scope.isHandler));
  if (isJob) return jobInput(work, rendered);
  // A template of an object renders to an object.
  return isJsonObject(rendered) ? rendered : { [step.id]: rendered };
}

/** The reason and message of what an expression, or anything else that a definition says, threw. */
export function reasonOf(error: unknown): { reason: string; message: string } {
  if (error instanceof DomainError) return { reason: error.reason, message: error.message };
  throw error;
}

function startTask(turn: Turn, { step, scope, work }: Attemptable, { attempts, input }: { attempts: number; input: JsonObject }): void {
  const { id, timeoutMs } = step;
  const timeoutAtMs = timeoutMs === undefined ? undefined : turn.atMs + timeoutMs;
  if (timeoutAtMs !== undefined) turn.setTimer(timeoutTimer(id), timeoutAtMs);
  // The cluster ends a job by itself where nobody is there to do so.
  const deadlineAtMs = timeoutAtMs ?? (work.kind === 'job' ? turn.state.timers[executionTimer] : undefined);
  // Failure handlers of another run answer another failure; all other steps mean the same thing in every run.
  const run = scope.isHandler ? turn.state.run : 0;
  const idempotencyKey = deterministicUuid(`${turn.situation.facts.name}/${id}/${run}`);
  turn.command({ type: 'startTask', step: id, attempt: attempts, target: targetOf(work), input, idempotencyKey, deadlineAtMs });
}

function targetOf(work: AttemptedWork): StartTask['target'] {
  switch (work.kind) {
    case 'action':
      return { action: work.name };
    case 'task':
      return { queue: work.queue, handler: work.handler };
    case 'job':
      return { job: true };
  }
}

function endInline(turn: Turn, { step }: Attemptable, { output, failure, log, emit }: InlineResult): void {
  if (log !== undefined) turn.note('LOGGED', step.id, log);
  if (emit !== undefined) turn.command({ type: 'emit', step: step.id, ...emit });
  if (failure === undefined) succeedStep(turn, step.id, output ?? null);
  else failAttempt(turn, step.id, { ...failure, isFinal: false });
}

/** A step has ended well. An output that is too large makes it fail. */
export function succeedStep(turn: Turn, id: string, output: JsonValue): void {
  const tooLarge = outputTooLarge(output);
  if (tooLarge !== undefined) return failStep(turn, id, tooLarge);
  endStep(turn, id);
  turn.change(id, { status: 'succeeded', output, endedAtMs: turn.atMs });
  turn.note('STEP_SUCCEEDED', id, { output });
}

/** The failure of an output beyond the limit; undefined for any other. */
export function outputTooLarge(output: JsonValue): { reason: string; message: string } | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(output));
  if (bytes <= maxOutputBytes) return undefined;
  return { reason: 'OUTPUT_TOO_LARGE', message: `the output has ${bytes} bytes, at most ${maxOutputBytes} are allowed` };
}

/** Why an attempt failed, and what it gave all the same. */
interface FailedWork {
  readonly reason: string;
  readonly message: string;
  readonly output?: JsonValue;
}

/** An attempt has failed: another is due later, or the step has failed. */
export function failAttempt(turn: Turn, id: string, failed: FailedWork & { readonly isFinal: boolean }): void {
  const { retry } = turn.planned(id).step;
  const state = turn.step(id);
  const attempt = (state?.attempts ?? 0) - (state?.earlierAttempts ?? 0);
  if (!mayRetry(retry, { ...failed, attempt })) return failStep(turn, id, failed);
  const dueAtMs = turn.atMs + backoffMs(retry, attempt, `${turn.situation.facts.name}/${id}`);
  turn.clearTimer(timeoutTimer(id));
  turn.setTimer(retryTimer(id), dueAtMs);
  turn.change(id, { status: 'retrying', failure: { step: id, reason: failed.reason, message: failed.message } });
  turn.note('ATTEMPT_FAILED', id, { ...failureData({ step: id, ...failed }), nextAttemptTime: new Date(dueAtMs).toISOString() });
}

/** A step has failed for good; `step` names the one within it that did, where that is the cause. */
export function failStep(turn: Turn, id: string, { step = id, reason, message, output }: FailedWork & { readonly step?: string }): void {
  endStep(turn, id);
  const failure = { step, reason, message };
  const kept = output === undefined || outputTooLarge(output) !== undefined ? {} : { output };
  turn.change(id, { status: 'failed', failure, endedAtMs: turn.atMs, ...kept });
  turn.note('STEP_FAILED', id, failureData(failure));
}

/** Stops a step that has not ended. */
export function cancelStep(turn: Turn, id: string): void {
  recallTask(turn, id);
  endStep(turn, id);
  turn.change(id, { status: 'cancelled', endedAtMs: turn.atMs });
  turn.note('STEP_CANCELLED', id);
}

/** Takes back what a step has out with others. */
export function recallTask(turn: Turn, id: string): void {
  const { work } = turn.planned(id).step;
  if (turn.step(id)?.status === 'running' && isAttempted(work)) turn.command({ type: 'cancelTask', step: id });
}

function endStep(turn: Turn, id: string): void {
  const { work } = turn.planned(id).step;
  for (const key of [timeoutTimer(id), retryTimer(id), waitTimer(id)]) turn.clearTimer(key);
  if (turn.step(id)?.status === 'waiting' && work.kind === 'wait' && work.until.kind === 'event')
    turn.command({ type: 'unlisten', step: id });
}
