import { NO_VALUES, type Moments } from '@q2/statistics';

/** What was collected on one metric in one variant. */
export interface MetricData {
  readonly moments: Moments;
  /** Sum of the units' values; of a proportion, the number of successes. */
  readonly sum: number;
}

/** All that was collected in an experiment: as small at a hundred million units as at ten. */
export interface CollectedData {
  /** Exposed units per variant id. */
  readonly units: ReadonlyMap<string, number>;
  readonly multiplyExposedUnits: number;
  readonly waitingUnits: number;
  /** By `metricKey`. */
  readonly metrics: ReadonlyMap<string, MetricData>;
}

/** Key of one metric in one variant. */
export function metricKey(metric: string, variant: string): string {
  return `${metric} ${variant}`;
}

const NOTHING: MetricData = { moments: NO_VALUES, sum: 0 };

/** Data on one metric in one variant; nothing where none came yet. */
export function metricData(data: CollectedData, metric: string, variant: string): MetricData {
  return data.metrics.get(metricKey(metric, variant)) ?? NOTHING;
}

/** Exposed units of one variant. */
export function unitsOf(data: CollectedData, variant: string): number {
  return data.units.get(variant) ?? 0;
}
