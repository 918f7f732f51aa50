import { clockSkewMs } from '../metrics/admission.js';
import type { RangeQuery } from '../metrics/range.js';
import { labelsKey, type Labels } from '../metrics/series.js';
import type { TimeSeries } from '../metrics/time-series.port.js';
import type { Reading } from '../alerts/alert-rule.js';
import type { MonitorSettings } from '../monitors/monitor.js';

/** Most groups of one monitor that are judged. */
const maxGroups = 100;

/** A group whose alert somebody ended: points measured until then are not read again. */
export interface Reset {
  readonly labels: Labels;
  readonly at: Date;
}

/** The one window that a monitor reads at `now`. Points of clocks that run ahead belong to it. */
export function windowQuery(monitor: MonitorSettings, now: Date, notBefore: readonly Reset[]): RangeQuery {
  const { metric, matchers, aggregation, groupBy } = monitor;
  const start = new Date(now.getTime() - monitor.windowMs);
  const end = new Date(now.getTime() + clockSkewMs);
  return { metric, matchers, aggregation, groupBy, notBefore, start, end, windowMs: end.getTime() - start.getTime() };
}

/**
 * What each group reads: those with points, those that have an alert already, and the only one of a monitor without
 * grouping.
 *
 * @param alerted groups that have an alert
 */
export function readings(
  monitor: MonitorSettings,
  series: readonly TimeSeries[],
  alerted: readonly Labels[],
): { group: Labels; reading: Reading }[] {
  const groups = new Map<string, { group: Labels; reading: Reading }>();
  const silent = { value: undefined, points: 0 };
  const expected = monitor.groupBy.length === 0 ? [{}, ...alerted] : alerted;
  for (const group of expected) groups.set(labelsKey(group), { group, reading: silent });
  for (const { labels, samples } of series) {
    const key = labelsKey(labels);
    const [sample] = samples;
    if (sample && (groups.has(key) || groups.size < maxGroups)) groups.set(key, { group: labels, reading: readingOf(monitor, sample) });
  }
  return [...groups.values()];
}

/** The window reaches a little into the future; a rate is by the seconds that a caller asked for. */
function readingOf(monitor: MonitorSettings, { value, points }: { value: number; points: number }): Reading {
  if (monitor.aggregation !== 'RATE') return { value, points };
  return { value: (value * (monitor.windowMs + clockSkewMs)) / monitor.windowMs, points };
}
