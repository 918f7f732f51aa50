import { InvalidArgument } from '@q2/errors';
import { bucketRanges, chooseVariation } from './bucket-range.js';
import { fnv1a32, placeOf, PLACES } from './hash.js';

/** The whole of an experiment, in basis points. */
export const WHOLE_BASIS_POINTS = 10_000;

/** How units are split between variants. */
export interface Split {
  /** Two experiments with different seeds split the same units independently. */
  readonly seed: string;
  /** One per variant, in order; they sum to 10,000. */
  readonly weightsBasisPoints: readonly number[];
  /** Share of the units that take part. @default 10000 */
  readonly allocationBasisPoints?: number;
}

/** Index of a unit's variant; −1 where the unit does not take part. */
export type Splitter = (unitId: string) => number;

/**
 * Prepares a split for many units. The place of a unit is one of 10,000, so the variant of every place is written down
 * once and an assignment is a hash and a look-up.
 *
 * @throws {InvalidArgument} where weights or allocation are not whole basis points in range, or don't sum to 10,000
 */
export function prepareSplit({ seed, weightsBasisPoints, allocationBasisPoints = WHOLE_BASIS_POINTS }: Split): Splitter {
  requireBasisPoints('allocationBasisPoints', allocationBasisPoints);
  requireWeights(weightsBasisPoints);
  const variantAt = variantPerPlace(weightsBasisPoints, allocationBasisPoints);
  const seedState = fnv1a32(seed);
  return (unitId) => variantAt[placeOf(seedState, unitId)] ?? -1;
}

function variantPerPlace(weights: readonly number[], allocation: number): Int16Array {
  const shares = weights.map((weight) => weight / WHOLE_BASIS_POINTS);
  const ranges = bucketRanges(weights.length, allocation / WHOLE_BASIS_POINTS, shares);
  return Int16Array.from({ length: PLACES }, (_, place) => chooseVariation(place / PLACES, ranges));
}

function requireWeights(weights: readonly number[]): void {
  weights.forEach((weight, index) => requireBasisPoints(`weightsBasisPoints[${index}]`, weight));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum !== WHOLE_BASIS_POINTS) throw InvalidArgument.field('weightsBasisPoints', `must sum to ${WHOLE_BASIS_POINTS}, got ${sum}`);
}

function requireBasisPoints(field: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= WHOLE_BASIS_POINTS) return;
  throw InvalidArgument.field(field, `must be a whole number from 0 to ${WHOLE_BASIS_POINTS}, got ${value}`);
}
