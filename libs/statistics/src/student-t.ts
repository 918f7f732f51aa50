import { requireNumber, requirePositive, requireProbability } from './check.js';
import { logIncompleteBeta } from './incomplete-beta.js';
import { logBetaKernel } from './log-gamma.js';
import { upperTailQuantile } from './tail-quantile.js';

/** Where t lies for the incomplete beta function: x = df / (df + t²), without overflow of t². */
function betaPlace(t: number, df: number) {
  const ratio = t / Math.sqrt(df);
  const x = ratio > 1 ? 1 / ratio / (ratio + 1 / ratio) : 1 / (1 + ratio * ratio);
  const y = ratio > 1 ? ratio / (ratio + 1 / ratio) : (ratio * ratio) / (1 + ratio * ratio);
  return { a: df / 2, b: 0.5, x, y };
}

/**
 * Natural logarithm of the chance that Student's t with `df` degrees of freedom (any positive number) exceeds t.
 * P(T > t) = I_x(df/2, ½) / 2 with x = df / (df + t²), for t > 0 (Abramowitz & Stegun 26.7.1).
 */
export function studentLogSurvival(t: number, df: number): number {
  requireNumber('t', t);
  requirePositive('df', df);
  if (t < 0) return Math.log1p(-Math.exp(studentLogSurvival(-t, df)));
  if (t === Infinity) return -Infinity;
  const place = betaPlace(t, df);
  return place.y === 0 ? -Math.LN2 : logIncompleteBeta(place).lower - Math.LN2;
}

/** Chance that Student's t exceeds t. */
export function studentSurvival(t: number, df: number): number {
  return Math.exp(studentLogSurvival(t, df));
}

/** log density of t > 0: the beta kernel over t, since |dx/dt| · x^(df/2 − 1) y^−½ / 2B = x^(df/2) y^½ / (t B). */
function logDensity(t: number, df: number): number {
  const { a, b, x, y } = betaPlace(t, df);
  return logBetaKernel(a, b, x, y) - Math.log(t);
}

/** The t that Student's t exceeds with chance `tail`. */
export function studentUpperQuantile(tail: number, df: number): number {
  requireProbability('tail', tail);
  requirePositive('df', df);
  if (tail === 0.5) return 0;
  if (tail > 0.5) return -studentUpperQuantile(1 - tail, df);
  return upperTailQuantile({ logSurvival: (t) => studentLogSurvival(t, df), logDensity: (t) => logDensity(t, df) }, Math.log(tail));
}
