import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { DescMethod } from '@bufbuild/protobuf';
import { DomainError } from '@q2/errors';

/** First try and repetitions together. */
const mostAttempts = 5;
const firstPauseMs = 50;
const longestPauseMs = 1_000;

/** What grpc-js says of calls that no server has begun: nothing was reached, or the server turned the call away unread. */
const neverBegun = /^(round_robin: )?No connection established|Stream refused by server|Name resolution failed/;

/** Failures of one replica, where another may answer. What a service itself finds unavailable is unavailable there too. */
const reasonsOfReplicas = new Set(['UNAVAILABLE', 'STOPPING', 'DATABASE_CLOSED']);

/**
 * Whether a call may be made again after a failure without anything being done twice: always where no server has begun it,
 * otherwise where it is idempotent.
 */
export function mayRepeat(method: DescMethod, request: object, error: unknown): boolean {
  if (!(error instanceof DomainError) || error.kind !== 'UNAVAILABLE' || !reasonsOfReplicas.has(error.reason)) return false;
  return neverBegun.test(error.message) || isIdempotent(method, request);
}

/** Reads, what the contract says to be idempotent, and whatever carries a request_id, whose answer is kept for repetitions. */
export function isIdempotent(method: DescMethod, request: object): boolean {
  if (method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN) return true;
  if ('requestId' in request && request.requestId !== undefined && request.requestId !== '') return true;
  return /^(Get|List|Check|Query|Verify)/.test(method.name);
}

/**
 * The wait before the next attempt, in milliseconds, growing and jittered so that many callers don't come back at once.
 *
 * @param attempt number of the attempt that failed, from 1
 * @param random  from 0 to 1
 * @returns undefined where it was the last
 */
export function pauseAfter(attempt: number, random: number): number | undefined {
  if (attempt >= mostAttempts) return undefined;
  return Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs) * (0.5 + random);
}

/**
 * Bounds repetitions to a share of the calls that succeed (as gRFC A6 does): where nothing answers, the load of repetitions
 * must not be what keeps it from coming back.
 */
export class RetryBudget {
  private tokens: number;

  /** @param most failures that may be repeated before any success; each success earns a tenth of one */
  constructor(private readonly most = 20) {
    this.tokens = most;
  }

  succeeded(): void {
    this.tokens = Math.min(this.most, this.tokens + 0.1);
  }

  /** Counts a failure, and tells whether it may be followed by another attempt. */
  spend(): boolean {
    this.tokens = Math.max(0, this.tokens - 1);
    return this.tokens > this.most / 2;
  }
}
