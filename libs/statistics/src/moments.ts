import { FailedPrecondition } from '@q2/errors';

/** All that the tests need of a sample: sufficient statistics that merge, so that cost does not grow with the sample. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** Σ (x − mean)². */
  readonly squaredDeviations: number;
}

export const NO_VALUES: Moments = { count: 0, mean: 0, squaredDeviations: 0 };

/** Adds one value without cancellation. Source: B. P. Welford, Technometrics 4 (1962). */
export function addValue(moments: Moments, value: number): Moments {
  const count = moments.count + 1;
  const difference = value - moments.mean;
  const mean = moments.mean + difference / count;
  return { count, mean, squaredDeviations: moments.squaredDeviations + difference * (value - mean) };
}

/** Moments of a sample. */
export function momentsOf(values: Iterable<number>): Moments {
  let moments = NO_VALUES;
  for (const value of values) moments = addValue(moments, value);
  return moments;
}

/** Moments of two samples together. Source: Chan, Golub & LeVeque, "Updating Formulae …" (1979). */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const difference = b.mean - a.mean;
  const squaredDeviations = a.squaredDeviations + b.squaredDeviations + difference * difference * a.count * (b.count / count);
  return { count, mean: a.mean + difference * (b.count / count), squaredDeviations };
}

/** Moments of a sample of zeros and ones. */
export function proportionMoments(successes: number, count: number): Moments {
  if (count === 0) return NO_VALUES;
  return { count, mean: successes / count, squaredDeviations: successes * ((count - successes) / count) };
}

/**
 * Sample variance, divisor n − 1.
 * @throws {FailedPrecondition} SAMPLE_TOO_SMALL below two values
 */
export function variance({ count, squaredDeviations }: Moments): number {
  if (count < 2)
    throw new FailedPrecondition('SAMPLE_TOO_SMALL', `a variance needs two values or more, got ${count}`, { count: `${count}` });
  return squaredDeviations / (count - 1);
}

/**
 * Squared standard error of the mean.
 * @throws {FailedPrecondition} SAMPLE_TOO_SMALL below two values
 */
export function squaredError(moments: Moments): number {
  return variance(moments) / moments.count;
}
