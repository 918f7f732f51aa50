import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampFromDate, type Duration } from '@bufbuild/protobuf/wkt';
import { monitoring } from '@q2/contracts';
import { comparisons, noDataPolicies } from '../alerts/alert-rule.js';
import { nameIn } from '../enum-names.js';
import { fromMatcherProtos, toMatcherProtos } from '../metrics/matcher-proto.js';
import { aggregations } from '../metrics/range.js';
import type { MonitorRow } from './monitor.entity.js';
import type { DraftMonitor } from './monitor.js';
import { monitorEtag } from './monitors.service.js';

const defaultIntervalMs = 5_000;

/** A monitor as a caller wrote it, defaults filled in. */
export function draftOf(monitor: monitoring.Monitor): DraftMonitor {
  return {
    displayName: monitor.displayName,
    target: monitor.target,
    metric: monitor.metric,
    matchers: fromMatcherProtos(monitor.matchers),
    groupBy: [...new Set(monitor.groupBy)],
    aggregation: nameIn(aggregations, monitoring.Aggregation, monitor.aggregation),
    windowMs: monitor.window && durationMs(monitor.window),
    comparison: nameIn(comparisons, monitoring.Comparison, monitor.comparison),
    warning: monitor.warningThreshold ?? null,
    critical: monitor.criticalThreshold ?? null,
    clear: monitor.clearThreshold ?? null,
    pendingMs: milliseconds(monitor.pendingDuration, 0),
    keepFiringMs: milliseconds(monitor.keepFiringDuration, 0),
    minimumSamples: Math.max(1, monitor.minimumSamples),
    noData: nameIn(noDataPolicies, monitoring.NoDataPolicy, monitor.noDataPolicy) ?? 'KEEP',
    intervalMs: milliseconds(monitor.evaluationInterval, defaultIntervalMs),
    labels: monitor.labels,
  };
}

function milliseconds(duration: Duration | undefined, fallback: number): number {
  return duration ? durationMs(duration) : fallback;
}

/** A monitor as the contract states it. */
export function toMonitorProto(row: MonitorRow): MessageInitShape<typeof monitoring.MonitorSchema> {
  return {
    name: monitoring.monitorName.format({ tenant: row.tenantId, monitor: row.id }),
    displayName: row.displayName,
    target: row.target,
    metric: row.metric,
    matchers: toMatcherProtos(row.matchers),
    groupBy: [...row.groupBy],
    aggregation: monitoring.Aggregation[row.aggregation],
    window: durationFromMs(row.windowMs),
    comparison: monitoring.Comparison[row.comparison],
    ...(row.warning !== null && { warningThreshold: row.warning }),
    ...(row.critical !== null && { criticalThreshold: row.critical }),
    ...(row.clear !== null && { clearThreshold: row.clear }),
    pendingDuration: durationFromMs(row.pendingMs),
    keepFiringDuration: durationFromMs(row.keepFiringMs),
    minimumSamples: row.minimumSamples,
    noDataPolicy: monitoring.NoDataPolicy[row.noData],
    evaluationInterval: durationFromMs(row.intervalMs),
    labels: { ...row.labels },
    createTime: timestampFromDate(row.createdAt),
    updateTime: timestampFromDate(row.updatedAt),
    ...(row.evaluatedAt && { evaluateTime: timestampFromDate(row.evaluatedAt) }),
    etag: monitorEtag(row),
    evaluateError: row.evaluateError,
  };
}
