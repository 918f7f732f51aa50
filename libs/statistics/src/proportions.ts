import { InvalidArgument } from '@q2/errors';
import { requireCount, requireProbability } from './check.js';
import { fisherLogPValue } from './fisher.js';
import { normalLogSurvival, normalUpperQuantile } from './normal.js';
import { around, noVariation, type Interval, type TestResult } from './result.js';

/** Successes among a number of units. */
export interface Proportion {
  readonly successes: number;
  readonly count: number;
}

export interface ProportionsResult extends TestResult {
  readonly method: 'PROPORTIONS_Z' | 'FISHER_EXACT';
  /** z; undefined for the exact test. */
  readonly statistic: number | undefined;
}

/** Below this, an expected count is too small for z (Cochran's rule). */
const LEAST_EXPECTED = 5;

function requireProportion(field: string, { successes, count }: Proportion): void {
  requireCount(`${field}.successes`, successes);
  requireCount(`${field}.count`, count);
  if (count === 0 || successes > count)
    throw InvalidArgument.field(field, `must be 0 to count successes of 1 or more, got ${successes} of ${count}`);
}

/**
 * Two-sided z-test of two proportions: pooled variance in the statistic, unpooled (Wald) in the interval of the
 * difference, first minus second.
 *
 * @param alpha 1 − confidence of the interval
 * @throws {FailedPrecondition} NO_VARIATION where all units succeeded, or none
 */
export function proportionsZ(first: Proportion, second: Proportion, alpha: number): ProportionsResult {
  requireProportion('first', first);
  requireProportion('second', second);
  const [p1, p2] = [first.successes / first.count, second.successes / second.count];
  const pooled = (first.successes + second.successes) / (first.count + second.count);
  if (pooled === 0 || pooled === 1) throw noVariation();
  const difference = p1 - p2;
  const statistic = difference / Math.sqrt(pooled * (1 - pooled) * (1 / first.count + 1 / second.count));
  const unpooled = Math.sqrt((p1 * (1 - p1)) / first.count + (p2 * (1 - p2)) / second.count);
  const logPValue = Math.min(0, normalLogSurvival(Math.abs(statistic)) + Math.LN2);
  const interval = around(difference, normalUpperQuantile(alpha / 2) * unpooled);
  return { method: 'PROPORTIONS_Z', difference, statistic, interval, pValue: Math.exp(logPValue), logPValue };
}

/** Wilson's score interval of one proportion; never empty, never outside [0, 1]. Source: E. B. Wilson, JASA 22 (1927). */
export function wilsonInterval(proportion: Proportion, alpha: number): Interval {
  requireProportion('proportion', proportion);
  requireProbability('alpha', alpha);
  const { successes, count } = proportion;
  const failures = count - successes;
  const z2 = normalUpperQuantile(alpha / 2) ** 2;
  const radius = Math.sqrt(z2 * (z2 / 4 + successes * (failures / count)));
  const [lower, upper] = [successes + z2 / 2 - radius, successes + z2 / 2 + radius];
  return { lower: successes === 0 ? 0 : lower / (count + z2), upper: failures === 0 ? 1 : upper / (count + z2) };
}

/** Interval of a difference from the Wilson intervals of both. Source: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10. */
export function newcombeInterval(first: Proportion, second: Proportion, alpha: number): Interval {
  const [one, two] = [wilsonInterval(first, alpha), wilsonInterval(second, alpha)];
  const [p1, p2] = [first.successes / first.count, second.successes / second.count];
  return {
    lower: p1 - p2 - Math.hypot(p1 - one.lower, two.upper - p2),
    upper: p1 - p2 + Math.hypot(one.upper - p1, p2 - two.lower),
  };
}

/** Whether a count is zero, or too small to be expected, for the normal approximation. */
function needsExact(first: Proportion, second: Proportion): boolean {
  const successes = first.successes + second.successes;
  const rarer = Math.min(successes, first.count + second.count - successes);
  const leastExpected = (rarer * Math.min(first.count, second.count)) / (first.count + second.count);
  const cells = [first, second].flatMap((group) => [group.successes, group.count - group.successes]);
  return leastExpected < LEAST_EXPECTED || Math.min(...cells) === 0;
}

/**
 * Compares two proportions at any counts: by z where its approximation holds, else by Fisher's exact test with
 * Newcombe's interval, so that 0 of 100 against 10 of 100 is a finding and 0 of 100 against 0 of 100 is none.
 *
 * @param alpha 1 − confidence of the interval
 */
export function compareProportions(first: Proportion, second: Proportion, alpha: number): ProportionsResult {
  requireProportion('first', first);
  requireProportion('second', second);
  if (!needsExact(first, second)) return proportionsZ(first, second, alpha);
  const logPValue = fisherLogPValue({
    successes: [first.successes, second.successes],
    failures: [first.count - first.successes, second.count - second.successes],
  });
  const difference = first.successes / first.count - second.successes / second.count;
  const interval = newcombeInterval(first, second, alpha);
  return { method: 'FISHER_EXACT', difference, statistic: undefined, interval, pValue: Math.exp(logPValue), logPValue };
}
