import { createHash } from 'node:crypto';
import type { RetryPolicy } from '../definition/definition.js';

/** A failed attempt. */
export interface FailedAttempt {
  /** Attempts so far, this one included. */
  readonly attempt: number;
  readonly reason: string;
  readonly isFinal: boolean;
}

/** Whether the policy allows another attempt. */
export function mayRetry(policy: RetryPolicy, { attempt, reason, isFinal }: FailedAttempt): boolean {
  return !isFinal && attempt < policy.maxAttempts && !policy.nonRetryableReasons.includes(reason);
}

/**
 * Time between a failed attempt and the next, in milliseconds: `initial × coefficient^(attempt − 1)`, capped, and then
 * shortened by up to the share `jitter`. The seed decides by how much, so that the same failure always waits as long.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, seed: string): number {
  const grown = policy.initialIntervalMs * policy.backoffCoefficient ** (attempt - 1);
  const interval = Math.min(grown, policy.maxIntervalMs);
  return Math.round(interval * (1 - policy.jitter * fractionOf(`${seed}/${attempt}`)));
}

/** A number from 0 to below 1 that looks random and depends on the text alone. */
function fractionOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}

/**
 * A UUID (version 8, RFC 9562) that depends on the text alone. As request_id it makes whatever a repeated attempt does
 * happen once.
 */
export function deterministicUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
