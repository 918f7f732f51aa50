import type { AdmittedPoint, Rejection } from './admission.js';
import type { RangeQuery } from './range.js';
import type { LabelMatcher, Labels } from './series.js';

/** One window of a series: `at` is its start. */
export interface Sample {
  readonly at: Date;
  readonly value: number;
  readonly points: number;
}

/** Samples that share the labels grouped by, oldest first; windows without points are left out. */
export interface TimeSeries {
  readonly labels: Labels;
  readonly samples: readonly Sample[];
}

/** A series that has points. `id` orders series and is where a page goes on. */
export interface SeriesRecord {
  readonly id: string;
  readonly metric: string;
  readonly labels: Labels;
  readonly createdAt: Date;
  readonly lastRecordAt: Date;
}

/** A metric with the number of its series. */
export interface MetricRecord {
  readonly metric: string;
  readonly series: number;
}

/** A page of a listing: what follows `after`, at most `limit`. */
export interface Page {
  readonly after: string | undefined;
  readonly limit: number;
}

/** Which series to list. */
export interface SeriesFilter {
  readonly metric: string;
  readonly matchers: readonly LabelMatcher[];
}

/** What writing did: points of series beyond the tenant's limit are refused, the others are stored. */
export interface Written {
  readonly accepted: number;
  readonly rejections: readonly Rejection[];
}

/**
 * Keeps points. Every call is about one tenant and never shows another's. Several adapters may stand behind it;
 * a write that is repeated because its outcome was unknown must not be told apart from one that was made once.
 */
export interface TimeSeriesStore {
  write(tenant: string, points: readonly AdmittedPoint[], at: Date): Promise<Written>;
  /** @throws {OutOfRange} TOO_MANY_POINTS or TOO_MANY_SAMPLES where the answer would not be bounded */
  query(tenant: string, query: RangeQuery): Promise<TimeSeries[]>;
  listSeries(tenant: string, filter: SeriesFilter, page: Page): Promise<SeriesRecord[]>;
  listMetrics(tenant: string, page: Page): Promise<MetricRecord[]>;
  /** Deletes some points of any tenant measured before `before`, and series with none left; gives how many points. Repeat until 0. */
  forget(before: Date): Promise<number>;
}

/** Injection token of the store. */
export const TimeSeriesStore = Symbol('TimeSeriesStore');
