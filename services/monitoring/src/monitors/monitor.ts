import { InvalidArgument, type FieldViolation } from '@q2/errors';
import { crosses, type AlertRule, type Comparison, type NoDataPolicy } from '../alerts/alert-rule.js';
import type { Aggregation } from '../metrics/range.js';
import type { LabelMatcher, Labels } from '../metrics/series.js';

/** What a caller decides about a monitor. Durations are in milliseconds; null stands for a threshold that is not set. */
export interface MonitorSettings {
  readonly displayName: string;
  readonly target: string;
  readonly metric: string;
  readonly matchers: readonly LabelMatcher[];
  readonly groupBy: readonly string[];
  readonly aggregation: Aggregation;
  readonly windowMs: number;
  readonly comparison: Comparison;
  readonly warning: number | null;
  readonly critical: number | null;
  readonly clear: number | null;
  readonly pendingMs: number;
  readonly keepFiringMs: number;
  readonly minimumSamples: number;
  readonly noData: NoDataPolicy;
  readonly intervalMs: number;
  readonly labels: Labels;
}

/** Settings as they arrive: what has no default may be missing. */
export type DraftMonitor = Omit<MonitorSettings, 'aggregation' | 'windowMs' | 'comparison'> & {
  readonly aggregation: Aggregation | undefined;
  readonly windowMs: number | undefined;
  readonly comparison: Comparison | undefined;
};

/**
 * Completes a draft.
 *
 * @throws {InvalidArgument} naming every field that is missing, or does not fit the others or the tenant
 */
export function completeMonitor(draft: DraftMonitor, tenant: string): MonitorSettings {
  const { aggregation, windowMs, comparison, ...rest } = draft;
  const violations = [...missingFields(draft), ...targetViolations(draft.target, tenant)];
  if (comparison !== undefined) violations.push(...thresholdViolations({ ...rest, comparison }));
  if (violations.length > 0 || aggregation === undefined || windowMs === undefined || comparison === undefined)
    throw new InvalidArgument(violations);
  return { ...rest, aggregation, windowMs, comparison };
}

function missingFields(draft: DraftMonitor): FieldViolation[] {
  const required = {
    target: draft.target,
    metric: draft.metric,
    aggregation: draft.aggregation,
    window: draft.windowMs,
    comparison: draft.comparison,
  };
  const missing = Object.entries(required).filter(([, value]) => value === undefined || value === '');
  return missing.map(([field]) => ({ field: `monitor.${field}`, description: 'must be set' }));
}

function targetViolations(target: string, tenant: string): FieldViolation[] {
  if (target === '' || target.startsWith(`tenants/${tenant}/`)) return [];
  return [{ field: 'monitor.target', description: `must be a resource of tenants/${tenant}, got '${target}'` }];
}

type Thresholds = Pick<MonitorSettings, 'comparison' | 'warning' | 'critical' | 'clear'>;

function thresholdViolations({ comparison, warning, critical, clear }: Thresholds): FieldViolation[] {
  const first = warning ?? critical;
  if (first === null) return [{ field: 'monitor.warning_threshold', description: 'must be set where critical_threshold is not' }];
  const direction = comparison.startsWith('GREATER') ? 'GREATER' : 'LESS';
  const violations: FieldViolation[] = [];
  if (warning !== null && critical !== null && !crosses(direction, critical, warning)) {
    const side = direction === 'GREATER' ? 'above' : 'below';
    violations.push({ field: 'monitor.critical_threshold', description: `must be ${side} warning_threshold ${warning}, got ${critical}` });
  }
  if (clear !== null && crosses(direction, clear, first)) {
    const side = direction === 'GREATER' ? 'above' : 'below';
    violations.push({ field: 'monitor.clear_threshold', description: `must not be ${side} the first threshold ${first}, got ${clear}` });
  }
  return violations;
}

/** Whether two versions of a monitor are about different things, so that an alert of one says nothing about the other. */
export function readsOtherData(before: MonitorSettings, after: MonitorSettings): boolean {
  const subject = ({ target, metric, matchers, groupBy }: MonitorSettings) =>
    JSON.stringify([target, metric, matchers.map(({ label, isEqual, value }) => [label, isEqual, value]), groupBy]);
  return subject(before) !== subject(after);
}

/** The part of a monitor that decides about alerts. */
export function alertRule(monitor: MonitorSettings): AlertRule {
  const { comparison, pendingMs, keepFiringMs, minimumSamples, noData } = monitor;
  return {
    comparison,
    warning: monitor.warning ?? undefined,
    critical: monitor.critical ?? undefined,
    clear: monitor.clear ?? undefined,
    pendingMs,
    keepFiringMs,
    minimumSamples,
    noData,
  };
}

/** Labels of the alerts of one group: what the monitor adds, below what it matches exactly, below the group's own. */
export function alertLabels(monitor: Pick<MonitorSettings, 'labels' | 'matchers'>, group: Labels): Labels {
  const matched = monitor.matchers.filter(({ isEqual, value }) => isEqual && value !== '').map(({ label, value }) => [label, value]);
  return { ...monitor.labels, ...Object.fromEntries(matched), ...group };
}
