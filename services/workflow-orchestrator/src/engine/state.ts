import type { JsonObject, JsonValue } from '@q2/expressions';

/** How an execution stands. `failing` means that the steps of `on_failure` run. */
export type ExecutionStatus = 'running' | 'failing' | 'succeeded' | 'failed' | 'cancelled';

/** How a step stands. One that is not in the state at all has not begun. `pending` is one that will begin again. */
export type StepStatus = 'pending' | 'running' | 'waiting' | 'retrying' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** Why something failed. */
export interface Failure {
  /** Step that failed; empty for the execution's own timeout and output. */
  readonly step: string;
  /** Stable reason in UPPER_SNAKE. */
  readonly reason: string;
  readonly message: string;
}

/** How one step stands. */
export interface StepState {
  readonly status: StepStatus;
  /** Attempts begun, over all runs: the number of an attempt never comes back. */
  readonly attempts: number;
  /** Attempts of runs before the present one; the retry policy does not count them. */
  readonly earlierAttempts: number;
  readonly output?: JsonValue;
  readonly failure?: Failure;
  /** Which of a choice's lists was taken. */
  readonly taken?: number;
  /** Why it was skipped: its own condition, or the end of what it needs. */
  readonly skippedBy?: 'when' | 'needs';
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
}

/** What never changes about an execution. */
export interface ExecutionFacts {
  /** `tenants/{tenant}/executions/{execution}` */
  readonly name: string;
  readonly tenant: string;
  /** `tenants/{tenant}/workflows/{workflow}/versions/{version}` */
  readonly workflow: string;
  readonly starter: string;
  readonly input: JsonObject;
}

/**
 * All that is known of an execution between two events: a snapshot, and plain JSON. Times are milliseconds since 1970.
 */
export interface ExecutionState {
  readonly status: ExecutionStatus;
  readonly isPaused: boolean;
  /** How often RetryFromFailure has begun it again. */
  readonly run: number;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly steps: Readonly<Record<string, StepState>>;
  /** Payloads of signals that no step has waited for yet, oldest first. */
  readonly signals: Readonly<Record<string, readonly JsonObject[]>>;
  /** When each timer is due. */
  readonly timers: Readonly<Record<string, number>>;
  readonly failure?: Failure;
  readonly output?: JsonValue;
}

/** Whether an execution can change no more, save by RetryFromFailure. */
export function hasEnded({ status }: ExecutionState): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** Whether a step can change no more in this run. */
export function isSettled(state: StepState | undefined): boolean {
  return state !== undefined && (isUnwanted(state) || state.status === 'succeeded' || state.status === 'failed');
}

function isUnwanted({ status }: StepState): boolean {
  return status === 'skipped' || status === 'cancelled';
}

/** When the next timer is due; undefined where none is set. */
export function nextTimerAtMs({ timers }: ExecutionState): number | undefined {
  const due = Object.values(timers);
  return due.length === 0 ? undefined : Math.min(...due);
}
