import { UnprocessableEvent } from './unprocessable.js';

/** How often and how patiently a failing event is tried before it becomes a dead letter. */
export interface RetryPolicy {
  /** Tries altogether, the first included. @default 10 */
  readonly tries: number;
  /** Wait after the first failure. @default 200 */
  readonly firstDelayMs: number;
  /** Each wait is this many times the one before. @default 2.5 */
  readonly factor: number;
  /** Longest wait. @default 60000 */
  readonly maxDelayMs: number;
}

/** About four minutes in all: a service that restarts, or is away for a minute, costs no event. */
export const defaultRetryPolicy: RetryPolicy = { tries: 10, firstDelayMs: 200, factor: 2.5, maxDelayMs: 60_000 };

/** How long a bus waits before it gives a rejected batch to its handler again. It never gives up. */
export const redelivery: RetryPolicy = { tries: Number.POSITIVE_INFINITY, firstDelayMs: 100, factor: 2, maxDelayMs: 10_000 };

/** What becomes of an event after a failed try. */
export type AfterFailure = { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'dead-letter'; readonly reason: string };

/**
 * Wait before the next try: exponential, between half of the step and all of it, so that events that failed together
 * don't come back together.
 *
 * @param failedTries how many tries failed so far, at least 1
 * @param random      0 to 1
 */
export function retryDelayMs(policy: RetryPolicy, failedTries: number, random: number): number {
  const step = Math.min(policy.maxDelayMs, policy.firstDelayMs * policy.factor ** (failedTries - 1));
  return Math.round(step * (0.5 + random / 2));
}

/** Decides whether a failed event is tried again, and when. `failedTries` counts the try that just failed. */
export function decideAfterFailure(policy: RetryPolicy, failure: { error: unknown; failedTries: number; random: number }): AfterFailure {
  if (failure.error instanceof UnprocessableEvent) return { kind: 'dead-letter', reason: failure.error.reason };
  if (failure.failedTries >= policy.tries) return { kind: 'dead-letter', reason: 'RETRIES_EXHAUSTED' };
  return { kind: 'retry', delayMs: retryDelayMs(policy, failure.failedTries, failure.random) };
}
