import { InvalidArgument } from '@q2/errors';
import { requirePositive, requireProbability } from './check.js';
import { logIncompleteGamma } from './incomplete-gamma.js';
import { logPoisson } from './log-gamma.js';
import { upperTailQuantile } from './tail-quantile.js';

/** Natural logarithm of the chance that chi-square with `df` degrees of freedom exceeds x ≥ 0: Q(df/2, x/2). */
export function chiSquareLogSurvival(x: number, df: number): number {
  if (!(x >= 0)) throw InvalidArgument.field('x', `must be 0 or more, got ${x}`);
  requirePositive('df', df);
  return logIncompleteGamma(df / 2, x / 2).upper;
}

/** Chance that chi-square exceeds x. */
export function chiSquareSurvival(x: number, df: number): number {
  return Math.exp(chiSquareLogSurvival(x, df));
}

/** The x that chi-square with `df` degrees of freedom exceeds with chance `tail`. */
export function chiSquareUpperQuantile(tail: number, df: number): number {
  requireProbability('tail', tail);
  requirePositive('df', df);
  const logDensity = (x: number) => logPoisson(df / 2, x / 2) + Math.log(df / 2 / x);
  return upperTailQuantile({ logSurvival: (x) => chiSquareLogSurvival(x, df), logDensity }, Math.log(tail));
}
