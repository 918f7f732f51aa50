import { FailedPrecondition } from '@q2/errors';
import type { Estimate } from './result.js';

/**
 * Relative lift first / second − 1 with its standard error by the delta method, for independent means.
 * @throws {FailedPrecondition} ZERO_BASELINE where the second mean is zero
 */
export function relativeLift(first: Estimate, second: Estimate): Estimate {
  if (second.value === 0) throw new FailedPrecondition('ZERO_BASELINE', 'a change relative to a mean of zero is not defined');
  const ratio = first.value / second.value;
  return { value: ratio - 1, standardError: Math.hypot(first.standardError, ratio * second.standardError) / Math.abs(second.value) };
}
