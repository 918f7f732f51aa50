// Results in words, for people who don't read intervals.
import { experiments } from '@q2/contracts';
import { goalOf, ruleOf, treatmentsOf, type Experiment, type Metric } from '../experiments/experiment.js';

const { Finding, MetricRole, State } = experiments;

const margined = ({ margin }: Metric) => `its margin of ${(margin * 100).toPrecision(3)} %`;
const percent = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(value * 100).toPrecision(3)} %`;

/** Whether the units are split as planned, in words. */
export function sampleRatioVerdict({ mismatch, unexpectedVariant, alwaysValidPValue }: experiments.SampleRatio): string {
  if (unexpectedVariant) return 'Units met a variant that has no weight: the split is broken and the results cannot be trusted.';
  if (mismatch)
    return `The units are not split as the weights say (p = ${alwaysValidPValue.toPrecision(2)}): the results cannot be trusted.`;
  return 'The units are split as the weights say.';
}

/** What is shown about a metric of a variant, in words. */
export function metricVerdict(metric: Metric, { comparison, units }: experiments.VariantResults): string {
  if (!comparison)
    return units < 2n ? 'Too little data to compare.' : 'Nothing to compare yet: too little data in the control, or no variation.';
  const change = comparison.relative ? percent(comparison.relative.value) : `${comparison.absolute?.value ?? 0}`;
  switch (comparison.finding) {
    case Finding.BETTER:
      return `Better than the control: ${change}.`;
    case Finding.WORSE:
      return metric.role === MetricRole.GUARDRAIL
        ? `Worse than ${margined(metric)} allows: ${change}.`
        : `Worse than the control: ${change}.`;
    case Finding.ACCEPTABLE:
      return `Not worse than ${margined(metric)}: ${change}.`;
    default:
      return metric.role === MetricRole.GUARDRAIL
        ? `Not shown yet to stay within ${margined(metric)}: ${change} so far.`
        : `No difference shown yet: ${change} so far.`;
  }
}

/** What follows from all of it, in one sentence. */
export function overallVerdict(experiment: Experiment, results: experiments.Results): string {
  if (experiment.state === State.DRAFT) return 'Not started.';
  if (results.sampleRatio?.mismatch) return results.sampleRatio.verdict;
  if (experiment.state === State.COMPLETED)
    return `Over: ${experiment.winnerVariant === '' ? 'no winner' : `'${experiment.winnerVariant}' won`}.`;
  if (experiment.state === State.ROLLED_BACK) return 'Over: rolled back to the control.';
  const goal = goalOf(experiment).id;
  const found = results.metrics.find(({ metric }) => metric === goal)?.variants ?? [];
  const named = (finding: experiments.Finding) =>
    found.filter(({ comparison }) => comparison?.finding === finding).map(({ variant }) => `'${variant}'`);
  const [better, worse] = [named(Finding.BETTER), named(Finding.WORSE)];
  if (better.length > 0)
    return `On the goal '${goal}', ${better.join(', ')} is better than the control; what is missing are guardrails or the minimum sample.`;
  if (worse.length > 0 && worse.length === treatmentsOf(experiment).length)
    return `On the goal '${goal}' nothing is better than the control.`;
  const least = ruleOf(experiment).minSamplePerVariant;
  return `Undecided: no variant is shown to be better on the goal '${goal}' yet; at least ${least} units per variant are needed.`;
}
