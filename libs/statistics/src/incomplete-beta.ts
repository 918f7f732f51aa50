import { continuedFraction } from './continued-fraction.js';
import { logBetaKernel } from './log-gamma.js';
import type { LogTails } from './incomplete-gamma.js';

/** Parameters and place of an incomplete beta function; y = 1 − x is given so that neither loses digits near 0. */
export interface BetaPlace {
  readonly a: number;
  readonly b: number;
  readonly x: number;
  readonly y: number;
}

/**
 * The fraction f of I_x(a, b) = x^a y^b / (B(a, b) f), written in y too so that it keeps its digits where x is near 1.
 * Source: DiDonato & Morris, "Algorithm 708", ACM TOMS 18 (1992), equation 9.
 */
function fraction({ a, b, x, y }: BetaPlace): number {
  const denominator = (n: number) => {
    const shift = n === 0 ? 0 : n + (n * (b - n) * x) / (a + 2 * n - 1);
    return shift + ((a + n) / (a + 2 * n + 1)) * (a * y - b * x + 1 + n * (1 + y));
  };
  const numerator = (n: number) => ((a + n - 1) / (a + 2 * n - 1)) * ((a + b + n - 1) / (a + 2 * n - 1)) * n * (b - n) * x * x;
  return continuedFraction(denominator(0), (n) => ({ numerator: numerator(n), denominator: denominator(n) }));
}

function logLower(place: BetaPlace): number {
  return logBetaKernel(place.a, place.b, place.x, place.y) - Math.log(fraction(place));
}

/** Logarithms of the regularised incomplete beta function I_x(a, b) and of its complement, for a, b > 0 and 0 < x < 1. */
export function logIncompleteBeta(place: BetaPlace): LogTails {
  const { a, b, x, y } = place;
  if (x < (a + 1) / (a + b + 2)) {
    const lower = logLower(place);
    return { lower, upper: Math.log1p(-Math.exp(lower)) };
  }
  const upper = logLower({ a: b, b: a, x: y, y: x });
  return { lower: Math.log1p(-Math.exp(upper)), upper };
}
