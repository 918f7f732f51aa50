import { DomainError, type ErrorKind } from '@q2/errors';

/** What becomes of a firing after an attempt to start failed. */
export type AfterFailure =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly reason: string; readonly detail: string }
  | { readonly kind: 'give-up'; readonly reason: string; readonly detail: string };

/** Kinds that say the same however often one asks. All others, and faults of the other side, may pass. */
const finalKinds: ReadonlySet<ErrorKind> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
]);
/** A tenant created a moment ago, of which the other side has not heard yet. */
const passingReasons: ReadonlySet<string> = new Set(['TENANT_NOT_FOUND']);
const firstDelayMs = 1000;
const delayMsMax = 300_000;

/**
 * Decides whether to try again: not where it cannot help, nor after the last attempt allowed.
 *
 * @param attempt number of the attempt that failed, from 1
 * @param random  0–1, spreads retries over the upper half of their delay
 */
export function decideAfterFailure(error: unknown, attempts: { attempt: number; max: number }, random: number): AfterFailure {
  const { attempt, max } = attempts;
  const isDomain = error instanceof DomainError;
  const reason = isDomain ? error.reason : 'START_FAILED';
  const detail = error instanceof Error ? error.message : String(error);
  const isFinal = isDomain && finalKinds.has(error.kind) && !passingReasons.has(reason);
  if (isFinal || attempt >= max) return { kind: 'give-up', reason, detail };
  const delayMs = Math.min(delayMsMax, firstDelayMs * 2 ** (attempt - 1));
  return { kind: 'retry', delayMs: Math.round(delayMs * (0.5 + random / 2)), reason, detail };
}
