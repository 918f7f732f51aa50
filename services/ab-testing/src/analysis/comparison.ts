import { create } from '@bufbuild/protobuf';
import { experiments } from '@q2/contracts';
import {
  around,
  compareProportions,
  confidenceSequence,
  normalUpperQuantile,
  relativeLift,
  sequenceLogPValue,
  squaredError,
  welchT,
  type Estimate,
  type SequencePlan,
} from '@q2/statistics';
import type { Metric, Rule } from '../experiments/experiment.js';
import type { MetricData } from './collected-data.js';

const { ComparisonSchema, Direction, Finding, MetricKind, MetricRole, TestMethod } = experiments;

/** Below this many units in a variant nothing is called shown: the always-valid intervals hold for large samples. */
const ASYMPTOTIC_FLOOR = 30;

/** One metric of a variant and of the control. */
export interface Pair {
  readonly metric: Metric;
  readonly treatment: MetricData;
  readonly control: MetricData;
}

/**
 * Squared standard error of a group's mean. A proportion of all or none is given one success and one failure more, as
 * its own estimate of no variance at all would be absurd; for large samples that makes no difference.
 */
function groupError({ kind }: Metric, { moments, sum }: MetricData): number {
  const isDegenerate = kind === MetricKind.PROPORTION && (sum === 0 || sum === moments.count);
  if (!isDegenerate) return squaredError(moments);
  const rate = (sum + 1) / (moments.count + 2);
  return (rate * (1 - rate)) / moments.count;
}

/** Whether there is enough to compare: two units on each side, and variation in one of them. */
function isComparable({ metric, treatment, control }: Pair): boolean {
  if (treatment.moments.count < 2 || control.moments.count < 2) return false;
  return groupError(metric, treatment) + groupError(metric, control) > 0;
}

function singleLook({ metric, treatment, control }: Pair, alpha: number) {
  if (metric.kind === MetricKind.PROPORTION) {
    const counts = (data: MetricData) => ({ successes: data.sum, count: data.moments.count });
    const result = compareProportions(counts(treatment), counts(control), alpha);
    return { ...result, method: TestMethod[result.method], degreesOfFreedom: undefined };
  }
  return { ...welchT(treatment.moments, control.moments, alpha), method: TestMethod.WELCH_T };
}

/** How a comparison is watched: its share of alpha, and when its intervals should be narrowest. */
export interface Watch {
  readonly rule: Rule;
  /** How many comparisons share alpha. */
  readonly comparisons: number;
}

function planOf({ rule, comparisons }: Watch): SequencePlan {
  return { alpha: rule.alpha / comparisons, tightestAt: 2 * rule.plannedSamplePerVariant };
}

/**
 * Compares a variant with the control: once as if this were the only look, and once valid at every look.
 *
 * @returns undefined while there is too little data, or nothing varies
 */
export function compare(pair: Pair, watch: Watch): experiments.Comparison | undefined {
  if (!isComparable(pair)) return undefined;
  const { metric, treatment, control } = pair;
  const estimates = {
    treatment: { value: treatment.moments.mean, standardError: Math.sqrt(groupError(metric, treatment)) },
    control: { value: control.moments.mean, standardError: Math.sqrt(groupError(metric, control)) },
  };
  const units = treatment.moments.count + control.moments.count;
  const difference = contrast(estimates, 1);
  const single = singleLook(pair, watch.rule.alpha);
  const logAlwaysValid = sequenceLogPValue(difference, units, planOf(watch));
  return create(ComparisonSchema, {
    absolute: {
      value: single.difference,
      interval: single.interval,
      alwaysValidInterval: confidenceSequence(difference, units, planOf(watch)),
    },
    ...relative(estimates, units, watch),
    method: single.method,
    ...(single.statistic !== undefined && { statistic: single.statistic }),
    ...(single.degreesOfFreedom !== undefined && { degreesOfFreedom: single.degreesOfFreedom }),
    pValue: single.pValue,
    logPValue: single.logPValue,
    alwaysValidPValue: Math.exp(logAlwaysValid),
    logAlwaysValidPValue: logAlwaysValid,
    finding: findingOf(pair, estimates, watch),
  });
}

interface Estimates {
  readonly treatment: Estimate;
  readonly control: Estimate;
}

/** Treatment minus `factor` times the control. */
function contrast({ treatment, control }: Estimates, factor: number): Estimate {
  return {
    value: treatment.value - factor * control.value,
    standardError: Math.hypot(treatment.standardError, factor * control.standardError),
  };
}

function relative({ treatment, control }: Estimates, units: number, watch: Watch) {
  if (control.value === 0) return {};
  const lift = relativeLift(treatment, control);
  const interval = around(lift.value, normalUpperQuantile(watch.rule.alpha / 2) * lift.standardError);
  return { relative: { value: lift.value, interval, alwaysValidInterval: confidenceSequence(lift, units, planOf(watch)) } };
}

/**
 * What the always-valid interval shows. A guardrail is judged against its margin: treatment − (1 ± margin) · control,
 * which needs no division, so a control of zero is no exception.
 */
function findingOf({ metric, treatment, control }: Pair, estimates: Estimates, watch: Watch): experiments.Finding {
  const [n1, n2] = [treatment.moments.count, control.moments.count];
  if (Math.min(n1, n2) < ASYMPTOTIC_FLOOR) return Finding.INCONCLUSIVE;
  const isGuardrail = metric.role === MetricRole.GUARDRAIL;
  const worse = metric.direction === Direction.DECREASE ? 1 : -1;
  const factor = isGuardrail ? 1 + worse * metric.margin * Math.sign(estimates.control.value) : 1;
  const { lower, upper } = confidenceSequence(contrast(estimates, factor), n1 + n2, planOf(watch));
  const harm = worse > 0 ? { lower, upper } : { lower: -upper, upper: -lower };
  if (harm.lower > 0) return Finding.WORSE;
  if (harm.upper >= 0) return Finding.INCONCLUSIVE;
  return isGuardrail ? Finding.ACCEPTABLE : Finding.BETTER;
}
