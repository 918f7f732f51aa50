import { FailedPrecondition } from '@q2/errors';

/** Keeps a denominator of Lentz's method off zero. */
const TINY = 1e-300;
const MOST_TERMS = 10_000_000;

/** One step of a continued fraction b₀ + a₁/(b₁ + a₂/(b₂ + …)). */
export interface Term {
  readonly numerator: number;
  readonly denominator: number;
}

const offZero = (value: number) => (Math.abs(value) < TINY ? TINY : value);

/**
 * Value of a continued fraction by Lentz's method as modified by Thompson and Barnett (1986).
 *
 * @param first b₀
 * @param termAt the n-th term, n ≥ 1
 * @throws {FailedPrecondition} NO_CONVERGENCE after ten million terms
 */
export function continuedFraction(first: number, termAt: (n: number) => Term): number {
  let value = offZero(first);
  let c = value;
  let d = 0;
  for (let n = 1; n <= MOST_TERMS; n++) {
    const { numerator, denominator } = termAt(n);
    d = 1 / offZero(denominator + numerator * d);
    c = offZero(denominator + numerator / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) return value;
  }
  throw new FailedPrecondition('NO_CONVERGENCE', `a continued fraction did not settle within ${MOST_TERMS} terms`);
}
