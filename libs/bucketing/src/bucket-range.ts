/** A half-open part of [0, 1): a place `n` lies in it where `start ≤ n < end`. */
export type BucketRange = readonly [start: number, end: number];

/** Weights that share 1 equally. Source: GrowthBook SDK specification, `getEqualWeights`. */
export function equalWeights(count: number): number[] {
  return count < 1 ? [] : Array.from({ length: count }, () => 1 / count);
}

/** Weights as given where they fit the number of variations and sum to 1 (within 0.01), else equal ones. */
function usableWeights(count: number, weights: readonly number[] | undefined): readonly number[] {
  if (weights?.length !== count) return equalWeights(count);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total < 0.99 || total > 1.01 ? equalWeights(count) : weights;
}

/**
 * The part of [0, 1) that each variation covers. With a coverage below 1 each variation keeps the first part of its
 * range, so that raising the coverage later never moves a unit from one variation to another.
 * Source: GrowthBook SDK specification, `getBucketRanges`.
 *
 * @param coverage share of the units that take part; clamped to 0–1
 * @param weights  shares of the variations; equal where absent, of the wrong number or not summing to 1
 */
export function bucketRanges(count: number, coverage = 1, weights?: readonly number[]): BucketRange[] {
  const covered = Math.min(1, Math.max(0, coverage));
  let cumulative = 0;
  return usableWeights(count, weights).map((weight) => {
    const start = cumulative;
    cumulative += weight;
    return [start, start + covered * weight];
  });
}

/** Whether a place lies in a range. */
export function inRange(place: number, [start, end]: BucketRange): boolean {
  return place >= start && place < end;
}

/** Index of the range in which a place lies; −1 where none. Source: GrowthBook SDK specification, `chooseVariation`. */
export function chooseVariation(place: number, ranges: readonly BucketRange[]): number {
  return ranges.findIndex((range) => inRange(place, range));
}
