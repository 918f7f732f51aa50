import { requireProbability } from './check.js';
import { squaredError, type Moments } from './moments.js';
import { around, noVariation, type Interval, type TestResult } from './result.js';
import { studentLogSurvival, studentUpperQuantile } from './student-t.js';

export interface WelchResult extends TestResult {
  readonly statistic: number;
  readonly standardError: number;
  readonly degreesOfFreedom: number;
}

/**
 * Welch's two-sided t-test of two means with unequal variances, first minus second; degrees of freedom by
 * Welch–Satterthwaite (Biometrika 34, 1947).
 *
 * @param alpha 1 − confidence of the interval
 * @throws {FailedPrecondition} SAMPLE_TOO_SMALL below two values in a sample, NO_VARIATION where neither varies
 */
export function welchT(first: Moments, second: Moments, alpha: number): WelchResult {
  const [e1, e2] = [squaredError(first), squaredError(second)];
  if (e1 + e2 === 0) throw noVariation();
  const share = e1 / (e1 + e2);
  const degreesOfFreedom = 1 / (share ** 2 / (first.count - 1) + (1 - share) ** 2 / (second.count - 1));
  const difference = first.mean - second.mean;
  const standardError = Math.sqrt(e1 + e2);
  const statistic = difference / standardError;
  const logPValue = Math.min(0, studentLogSurvival(Math.abs(statistic), degreesOfFreedom) + Math.LN2);
  const interval = around(difference, studentUpperQuantile(alpha / 2, degreesOfFreedom) * standardError);
  return { difference, standardError, statistic, degreesOfFreedom, interval, pValue: Math.exp(logPValue), logPValue };
}

/**
 * Student's interval of one mean.
 * @throws {FailedPrecondition} SAMPLE_TOO_SMALL below two values
 */
export function meanInterval(moments: Moments, alpha: number): Interval {
  requireProbability('alpha', alpha);
  const standardError = Math.sqrt(squaredError(moments));
  return around(moments.mean, studentUpperQuantile(alpha / 2, moments.count - 1) * standardError);
}
