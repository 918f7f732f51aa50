import type { JsonObject, JsonValue } from '@q2/expressions';

/** Something that happens to an execution. What no longer fits its state (a late result, a stale timer) changes nothing. */
export type ExecutionEvent =
  | { readonly type: 'started' }
  | { readonly type: 'taskCompleted'; readonly step: string; readonly attempt: number; readonly output: JsonValue }
  | {
      readonly type: 'taskFailed';
      readonly step: string;
      readonly attempt: number;
      readonly reason: string;
      readonly message: string;
      /** Another attempt would fail the same way. */
      readonly isFinal: boolean;
      /** What a failed attempt gave all the same; the step's output where no attempt follows. */
      readonly output?: JsonValue;
    }
  | { readonly type: 'progressed'; readonly step: string; readonly attempt: number; readonly progress: JsonObject }
  /** What a job's container wrote. */
  | { readonly type: 'logged'; readonly step: string; readonly attempt: number; readonly data: JsonObject }
  /** All timers that are due by the event's time. */
  | { readonly type: 'timersDue' }
  | { readonly type: 'signalled'; readonly signal: string; readonly payload: JsonObject }
  | { readonly type: 'heard'; readonly step: string; readonly event: HeardEvent }
  | { readonly type: 'cancelRequested'; readonly reason: string }
  | { readonly type: 'pauseRequested' }
  | { readonly type: 'resumeRequested' }
  | { readonly type: 'retryRequested' };

/** A platform event, as the filter and the output of a wait see it. */
export interface HeardEvent {
  readonly [key: string]: JsonValue;
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly data: JsonObject;
}
