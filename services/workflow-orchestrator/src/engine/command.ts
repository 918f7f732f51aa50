import type { JsonObject, JsonValue } from '@q2/expressions';
import type { Failure } from './state.js';

/** What the driver has to do in the same transaction that stores the state. */
export type Command =
  | StartTask
  /** Takes back the task of a step, if it is still out. */
  | { readonly type: 'cancelTask'; readonly step: string }
  /** Sends every platform event of a type to the execution from now on. */
  | { readonly type: 'listen'; readonly step: string; readonly eventType: string }
  | { readonly type: 'unlisten'; readonly step: string }
  /** Announces what an `event.emit` action says. */
  | { readonly type: 'emit'; readonly step: string; readonly eventType: string; readonly data: JsonObject };

/** Gives an attempt to whoever does it. */
export interface StartTask {
  readonly type: 'startTask';
  readonly step: string;
  readonly attempt: number;
  readonly target: { readonly action: string } | { readonly queue: string; readonly handler: string } | { readonly job: true };
  readonly input: JsonObject;
  /** The same for all attempts: what the receiver already did for it, it does not do again. A UUID. */
  readonly idempotencyKey: string;
  readonly deadlineAtMs: number | undefined;
}

/** What happened, for the history. */
export type HistoryType =
  | 'EXECUTION_STARTED'
  | 'EXECUTION_SUCCEEDED'
  | 'EXECUTION_FAILED'
  | 'EXECUTION_CANCELLED'
  | 'EXECUTION_PAUSED'
  | 'EXECUTION_RESUMED'
  | 'FAILURE_HANDLING_STARTED'
  | 'RETRIED_FROM_FAILURE'
  | 'STEP_STARTED'
  | 'ATTEMPT_FAILED'
  | 'STEP_SUCCEEDED'
  | 'STEP_FAILED'
  | 'STEP_SKIPPED'
  | 'STEP_CANCELLED'
  | 'SIGNAL_RECEIVED'
  | 'LOGGED'
  | 'PROGRESS';

/** One entry of the history; its sequence is given when it is stored. */
export interface HistoryEntry {
  readonly type: HistoryType;
  readonly atMs: number;
  readonly step: string;
  /** 0 where the entry is not about an attempt. */
  readonly attempt: number;
  readonly data: JsonObject;
}

/** The particulars of a failure in a history entry. */
export function failureData({ reason, message }: Failure): Record<string, JsonValue> {
  return { reason, message };
}
