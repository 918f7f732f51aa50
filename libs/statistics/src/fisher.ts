import { InvalidArgument } from '@q2/errors';
import { requireCount } from './check.js';

/** Counts of a 2×2 table: successes and failures of two groups. */
export interface TwoByTwo {
  readonly successes: readonly [first: number, second: number];
  readonly failures: readonly [first: number, second: number];
}

/** Most tables with the same margins that are summed. */
const MOST_TABLES = 10_000_000;
/** Tables within this factor of the observed one count as equally likely: they differ by rounding only (as R does). */
const TIE = Math.log1p(1e-7);

/** Log weights of all tables with these margins, relative to the first. */
function logWeights({ successes: [a, b], failures: [c, d] }: TwoByTwo): { weights: Float64Array; observed: number } {
  const [group, drawn, total] = [a + c, a + b, a + b + c + d];
  const least = Math.max(0, drawn - (b + d));
  const tables = Math.min(drawn, group) - least + 1;
  if (tables > MOST_TABLES)
    throw InvalidArgument.field('table', `has ${tables} tables of the same margins; at most ${MOST_TABLES} can be summed`);
  const weights = new Float64Array(tables);
  for (let index = 1; index < tables; index++) {
    const k = least + index - 1;
    const ratio = ((group - k) / (k + 1)) * ((drawn - k) / (total - group - drawn + k + 1));
    weights[index] = (weights[index - 1] ?? 0) + Math.log(ratio);
  }
  return { weights, observed: a - least };
}

/**
 * Logarithm of the two-sided p-value of Fisher's exact test: the share of the tables with these margins that are at
 * most as likely as the one observed.
 *
 * @throws {InvalidArgument} where a count is not whole, or more than ten million tables share the margins
 */
export function fisherLogPValue(table: TwoByTwo): number {
  [...table.successes, ...table.failures].forEach((count) => requireCount('table', count));
  const { weights, observed } = logWeights(table);
  const limit = (weights[observed] ?? 0) + TIE;
  const highest = weights.reduce((most, weight) => Math.max(most, weight), -Infinity);
  let [all, extreme] = [0, 0];
  for (const weight of weights) {
    all += Math.exp(weight - highest);
    if (weight <= limit) extreme += Math.exp(weight - limit);
  }
  return Math.min(0, Math.log(extreme) + limit - highest - Math.log(all));
}
