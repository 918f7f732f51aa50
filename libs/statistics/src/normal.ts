import { requireNumber, requireProbability } from './check.js';
import { logIncompleteGamma } from './incomplete-gamma.js';
import { upperTailQuantile } from './tail-quantile.js';

const HALF_LOG_2_PI = 0.9189385332046727;

/**
 * Natural logarithm of the chance that a standard normal exceeds z; does not underflow.
 * Through the incomplete gamma function: 1 − Φ(z) = Q(½, z²/2) / 2 for z ≥ 0.
 */
export function normalLogSurvival(z: number): number {
  requireNumber('z', z);
  if (z < 0) return Math.log1p(-Math.exp(normalLogSurvival(-z)));
  return logIncompleteGamma(0.5, (z * z) / 2).upper - Math.LN2;
}

/** Chance that a standard normal exceeds z. */
export function normalSurvival(z: number): number {
  return Math.exp(normalLogSurvival(z));
}

/** The z that a standard normal exceeds with chance `tail`. */
export function normalUpperQuantile(tail: number): number {
  requireProbability('tail', tail);
  if (tail === 0.5) return 0;
  if (tail > 0.5) return -normalUpperQuantile(1 - tail);
  return upperTailQuantile({ logSurvival: normalLogSurvival, logDensity: (z) => -HALF_LOG_2_PI - (z * z) / 2 }, Math.log(tail));
}
