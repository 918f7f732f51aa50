import type { Aggregation } from '../metrics/range.js';
import type { Labels } from '../metrics/series.js';
import { isSilent, thresholdOf, type AlertRule, type Reading, type Severity } from './alert-rule.js';

/** What a summary needs to know of a monitor. */
export interface Subject {
  readonly metric: string;
  readonly aggregation: Aggregation;
  readonly windowMs: number;
  readonly rule: Pick<AlertRule, 'comparison' | 'warning' | 'critical' | 'minimumSamples'>;
}

/**
 * What a monitor sees, as a sentence with the values:
 * `average of prediction_errors{version=1.2.0} over 60 s is 0.82 (50 points); critical above 0.3`.
 */
export function summarise(subject: Subject, labels: Labels, reading: Reading, severity: Severity): string {
  const { rule } = subject;
  const named = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const what = `${subject.aggregation.toLowerCase()} of ${subject.metric}${named.length > 0 ? `{${named.join(', ')}}` : ''} over ${subject.windowMs / 1_000} s`;
  if (isSilent(rule, reading)) return `${what} has ${reading.points} points of the ${rule.minimumSamples} needed`;
  const side = rule.comparison.startsWith('GREATER') ? 'above' : 'below';
  return `${what} is ${Number(reading.value?.toPrecision(4))} (${reading.points} points); ${severity.toLowerCase()} ${side} ${thresholdOf(rule, severity)}`;
}
