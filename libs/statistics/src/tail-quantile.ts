/** The upper tail of a distribution on the positive half-line. */
export interface UpperTail {
  /** Logarithm of the chance of more than x. */
  logSurvival(x: number): number;
  /** Logarithm of the density at x. */
  logDensity(x: number): number;
}

/** Two ends between which the quantile lies, a factor of two apart. */
function bracket(tail: UpperTail, logTail: number): [number, number] {
  let upper = 1;
  while (tail.logSurvival(upper) > logTail) upper *= 2;
  let lower = upper / 2;
  while (lower > 0 && tail.logSurvival(lower) < logTail) [lower, upper] = [lower / 2, lower];
  return [lower, upper];
}

/**
 * The x > 0 beyond which the logarithm of the chance is `logTail`: Newton's method on the logarithm, kept inside a
 * bracket by bisection, to the last digits of a double.
 */
export function upperTailQuantile(tail: UpperTail, logTail: number): number {
  let [lower, upper] = bracket(tail, logTail);
  let x = (lower + upper) / 2;
  for (let step = 0; step < 200; step++) {
    const logSurvival = tail.logSurvival(x);
    if (logSurvival > logTail) lower = x;
    else upper = x;
    const newton = x + (logSurvival - logTail) * Math.exp(logSurvival - tail.logDensity(x));
    const next = newton > lower && newton < upper ? newton : (lower + upper) / 2;
    if (Math.abs(next - x) <= Number.EPSILON * x) return next;
    x = next;
  }
  return x;
}
