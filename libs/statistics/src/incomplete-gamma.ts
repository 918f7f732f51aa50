import { continuedFraction } from './continued-fraction.js';
import { logPoisson } from './log-gamma.js';

/** Both tails of a distribution at one point, as natural logarithms. */
export interface LogTails {
  readonly lower: number;
  readonly upper: number;
}

/** Σ xⁿ / ((a + 1) … (a + n)), n ≥ 0 (Abramowitz & Stegun 6.5.29). */
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** The fraction of Γ(a, x) = x^a e^−x / (x + 1 − a − 1(1 − a)/(x + 3 − a − …)) (Abramowitz & Stegun 6.5.31, contracted). */
function upperFraction(a: number, x: number): number {
  const first = x + 1 - a;
  return continuedFraction(first, (n) => ({ numerator: n * (a - n), denominator: first + 2 * n }));
}

/**
 * Logarithms of the regularised incomplete gamma functions P(a, x) and Q(a, x), for a > 0 and x ≥ 0. The smaller
 * tail is computed directly and the other from it, so neither loses digits.
 */
export function logIncompleteGamma(a: number, x: number): LogTails {
  if (x === 0) return { lower: -Infinity, upper: 0 };
  if (x === Infinity) return { lower: 0, upper: -Infinity };
  const logDensity = logPoisson(a, x);
  if (x < a + 1) {
    const lower = logDensity + Math.log(lowerSeries(a, x));
    return { lower, upper: Math.log1p(-Math.exp(lower)) };
  }
  const upper = logDensity + Math.log(a) - Math.log(upperFraction(a, x));
  return { lower: Math.log1p(-Math.exp(upper)), upper };
}
