import { FailedPrecondition } from '@q2/errors';

/** A range of values. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** A figure and its standard error. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/** What a two-sided test of two samples says. Differences are first minus second. */
export interface TestResult {
  readonly difference: number;
  readonly interval: Interval;
  readonly pValue: number;
  /** Natural logarithm of the p-value; exact where `pValue` underflows. */
  readonly logPValue: number;
}

/** value ± radius. */
export function around(value: number, radius: number): Interval {
  return { lower: value - radius, upper: value + radius };
}

/** Thrown where neither sample varies at all, so that no statistic can be formed. */
export function noVariation(): FailedPrecondition {
  return new FailedPrecondition('NO_VARIATION', 'neither sample varies, so the difference has no standard error');
}
