/** How bad trouble is. */
export type Severity = 'WARNING' | 'CRITICAL';
/** How a value is compared with a threshold. */
export const comparisons = ['GREATER', 'GREATER_OR_EQUAL', 'LESS', 'LESS_OR_EQUAL'] as const;
export type Comparison = (typeof comparisons)[number];
/** What follows where a window holds too few points. */
export const noDataPolicies = ['KEEP', 'RESOLVE', 'ALERT'] as const;
export type NoDataPolicy = (typeof noDataPolicies)[number];

/** What a monitor says about when to alert. At least one threshold is set; the critical one lies beyond the warning one. */
export interface AlertRule {
  readonly comparison: Comparison;
  readonly warning: number | undefined;
  readonly critical: number | undefined;
  /** Where an alert may resolve; the first threshold when undefined. */
  readonly clear: number | undefined;
  /** How long a threshold must stay crossed before an alert fires. */
  readonly pendingMs: number;
  /** How long the value must stay good before an alert resolves, or below its level before its severity falls. */
  readonly keepFiringMs: number;
  readonly minimumSamples: number;
  readonly noData: NoDataPolicy;
}

/** The window at one evaluation: `value` is undefined where it holds no points. */
export interface Reading {
  readonly value: number | undefined;
  readonly points: number;
}

/** What a reading says: nothing, or the level that it reached and whether it is clearly good. */
export type Verdict =
  { readonly isKnown: false } | { readonly isKnown: true; readonly reached: Severity | undefined; readonly isClear: boolean };

/** Whether `value` is on the bad side of `threshold`. */
export function crosses(comparison: Comparison, value: number, threshold: number): boolean {
  switch (comparison) {
    case 'GREATER':
      return value > threshold;
    case 'GREATER_OR_EQUAL':
      return value >= threshold;
    case 'LESS':
      return value < threshold;
    case 'LESS_OR_EQUAL':
      return value <= threshold;
  }
}

/** The threshold of a severity; that of the other where the rule has one only. */
export function thresholdOf(rule: Pick<AlertRule, 'warning' | 'critical'>, severity: Severity): number {
  const [first, second] = severity === 'CRITICAL' ? [rule.critical, rule.warning] : [rule.warning, rule.critical];
  return first ?? second ?? 0;
}

/** The least severity that a rule has a threshold for. */
export function leastSeverity(rule: Pick<AlertRule, 'warning'>): Severity {
  return rule.warning === undefined ? 'CRITICAL' : 'WARNING';
}

/** Whether a reading holds too few points to say anything, which counts as no data. */
export function isSilent(rule: Pick<AlertRule, 'minimumSamples'>, { value, points }: Reading): boolean {
  return value === undefined || points < rule.minimumSamples;
}

/** Judges one reading by itself, without history. */
export function judge(rule: AlertRule, reading: Reading): Verdict {
  const { value } = reading;
  if (value === undefined || isSilent(rule, reading)) return judgeNoData(rule);
  const isReached = (threshold: number | undefined) => threshold !== undefined && crosses(rule.comparison, value, threshold);
  const reached = isReached(rule.critical) ? 'CRITICAL' : isReached(rule.warning) ? 'WARNING' : undefined;
  const isClear = reached === undefined && !isReached(rule.clear);
  return { isKnown: true, reached, isClear };
}

function judgeNoData(rule: AlertRule): Verdict {
  switch (rule.noData) {
    case 'KEEP':
      return { isKnown: false };
    case 'RESOLVE':
      return { isKnown: true, reached: undefined, isClear: true };
    case 'ALERT':
      return { isKnown: true, reached: leastSeverity(rule), isClear: false };
  }
}
