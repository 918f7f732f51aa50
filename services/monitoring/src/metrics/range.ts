import { InvalidArgument } from '@q2/errors';
import type { LabelMatcher, Labels } from './series.js';

/** How the points of one window become one number; RATE is the sum by second. */
export const aggregations = ['AVERAGE', 'SUM', 'MINIMUM', 'MAXIMUM', 'COUNT', 'RATE', 'P50', 'P95', 'P99'] as const;
export type Aggregation = (typeof aggregations)[number];

/** Most windows of a range, and most samples of an answer over all its series. */
export const maxSamples = 10_000;

/** A question about a metric: windows of `windowMs` from `start` on, the last one cut off at `end`. */
export interface RangeQuery {
  readonly metric: string;
  readonly matchers: readonly LabelMatcher[];
  readonly aggregation: Aggregation;
  readonly start: Date;
  readonly end: Date;
  readonly windowMs: number;
  /** Labels that keep series apart; a series that lacks one has the empty text there. */
  readonly groupBy: readonly string[];
  /** Groups whose points before an instant are left out. */
  readonly notBefore?: readonly { readonly labels: Labels; readonly at: Date }[];
}

/**
 * Checks that a range can be answered.
 *
 * @throws {InvalidArgument} where it is empty or backwards, or has more than 10,000 windows
 */
export function checkRange(query: Pick<RangeQuery, 'start' | 'end' | 'windowMs'>): void {
  const lengthMs = query.end.getTime() - query.start.getTime();
  if (lengthMs <= 0)
    throw InvalidArgument.field('end_time', `must be after start_time ${query.start.toISOString()}, got ${query.end.toISOString()}`);
  const windows = Math.ceil(lengthMs / query.windowMs);
  if (windows > maxSamples)
    throw InvalidArgument.field('window', `must give at most ${maxSamples} windows between start_time and end_time, gives ${windows}`);
}
