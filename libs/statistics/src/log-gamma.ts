// Saddle-point forms keep the relative error of densities near 1e-15 at any size of the parameters.
// Source: C. Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000).

const HALF_LOG_2_PI = 0.9189385332046727;

/** B(2k) / (2k (2k − 1)): coefficients of Stirling's series (Abramowitz & Stegun 6.1.40). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156, -3617 / 122_400];

/** From here on the eight terms above leave less than 1e-17. */
const SERIES_FROM = 12;

function stirlingSeries(x: number): number {
  const inverseSquare = 1 / (x * x);
  return STIRLING.reduceRight((sum, coefficient) => sum * inverseSquare + coefficient, 0) / x;
}

/**
 * What Stirling's formula misses: log Γ(x) − [(x − ½) log x − x + ½ log 2π], for x > 0.
 * Below the range of the series it steps up by Γ(x + 1) = x Γ(x).
 */
export function stirlingError(x: number): number {
  let shifted = x;
  let sum = 0;
  for (; shifted < SERIES_FROM; shifted++) sum += (shifted + 0.5) * Math.log1p(1 / shifted) - 1;
  return sum + stirlingSeries(shifted);
}

/** Deviance x log(x / mean) + mean − x, without the cancellation where x is near the mean (Loader's bd0). */
export function deviance(x: number, mean: number): number {
  const difference = x - mean;
  const ratio = difference / (x + mean);
  if (Math.abs(ratio) >= 0.1) return x * Math.log(x / mean) - difference;
  let sum = difference * ratio;
  let power = 2 * x * ratio;
  for (let odd = 3; ; odd += 2) {
    power *= ratio * ratio;
    const next = sum + power / odd;
    if (next === sum) return sum;
    sum = next;
  }
}

/** log of the Poisson density of any a > 0: x^a e^−x / Γ(a + 1). */
export function logPoisson(a: number, x: number): number {
  return -stirlingError(a) - deviance(a, x) - 0.5 * Math.log(a) - HALF_LOG_2_PI;
}

/** log of x^a y^b / B(a, b), for y = 1 − x given exactly. */
export function logBetaKernel(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const errors = stirlingError(n) - stirlingError(a) - stirlingError(b);
  return errors - deviance(a, n * x) - deviance(b, n * y) + 0.5 * (Math.log(a) + Math.log(b) - Math.log(n)) - HALF_LOG_2_PI;
}
