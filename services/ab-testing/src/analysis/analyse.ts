import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { experiments } from '@q2/contracts';
import { meanInterval, sampleRatio, wilsonInterval } from '@q2/statistics';
import { controlOf, ruleOf, treatmentsOf, type Experiment, type Metric, type Rule, type Variant } from '../experiments/experiment.js';
import { metricData, unitsOf, type CollectedData, type MetricData } from './collected-data.js';
import { compare } from './comparison.js';
import { metricVerdict, overallVerdict, sampleRatioVerdict } from './verdict.js';

const { IntervalSchema, MetricKind, MetricResultsSchema, MetricRole, ResultsSchema, SampleRatioSchema, VariantResultsSchema } = experiments;

/** Below this always-valid p-value a split counts as wrong. Strict, as it ends the experiment. */
const SPLIT_ALPHA = 0.001;

/**
 * The results of an experiment from what was collected; the cost does not depend on the number of units.
 *
 * @param now when the data was read
 */
export function analyse(experiment: Experiment, data: CollectedData, now: Date): experiments.Results {
  const results = create(ResultsSchema, {
    experiment: experiment.name,
    state: experiment.state,
    analyseTime: timestampFromDate(now),
    units: BigInt([...data.units.values()].reduce((sum, units) => sum + units, 0)),
    multiplyExposedUnits: BigInt(data.multiplyExposedUnits),
    waitingUnits: BigInt(data.waitingUnits),
    sampleRatio: checkSplit(experiment, data),
    metrics: experiment.metrics.map((metric) => analyseMetric(experiment, metric, data)),
  });
  results.verdict = overallVerdict(experiment, results);
  return results;
}

function checkSplit({ variants }: Experiment, data: CollectedData): experiments.SampleRatio {
  const result = sampleRatio(variants.map(({ id, weightBasisPoints }) => ({ count: unitsOf(data, id), weight: weightBasisPoints })));
  const mismatch = result.hasUnexpectedUnits || result.logAlwaysValidPValue < Math.log(SPLIT_ALPHA);
  const check = create(SampleRatioSchema, {
    units: Object.fromEntries(variants.map(({ id }) => [id, BigInt(unitsOf(data, id))])),
    chiSquare: result.chiSquare,
    degreesOfFreedom: result.degreesOfFreedom,
    pValue: result.pValue,
    alwaysValidPValue: Math.exp(result.logAlwaysValidPValue),
    mismatch,
    unexpectedVariant: result.hasUnexpectedUnits,
  });
  check.verdict = sampleRatioVerdict(check);
  return check;
}

/**
 * How many comparisons share alpha: every variant with the control; guardrails among each other too, because any one
 * of them can end the experiment.
 */
function comparisonsSharing(experiment: Experiment, { role }: Metric): number {
  const guardrails = experiment.metrics.filter((metric) => metric.role === MetricRole.GUARDRAIL).length;
  return treatmentsOf(experiment).length * (role === MetricRole.GUARDRAIL ? guardrails : 1);
}

function analyseMetric(experiment: Experiment, metric: Metric, data: CollectedData): experiments.MetricResults {
  const watch = { rule: ruleOf(experiment), comparisons: comparisonsSharing(experiment, metric) };
  const control = metricData(data, metric.id, controlOf(experiment).id);
  const variants = experiment.variants.map((variant) => {
    const results = describeVariant(metric, variant, { data: metricData(data, metric.id, variant.id), rule: watch.rule });
    if (variant.control) return results;
    const comparison = compare({ metric, treatment: metricData(data, metric.id, variant.id), control }, watch);
    if (comparison) results.comparison = comparison;
    results.verdict = metricVerdict(metric, results);
    return results;
  });
  return create(MetricResultsSchema, { metric: metric.id, kind: metric.kind, role: metric.role, variants });
}

function describeVariant(metric: Metric, variant: Variant, given: { data: MetricData; rule: Rule }): experiments.VariantResults {
  const { moments } = given.data;
  const results = create(VariantResultsSchema, {
    variant: variant.id,
    control: variant.control,
    units: BigInt(moments.count),
    mean: moments.mean,
    verdict: variant.control ? 'The others are compared with this one.' : '',
  });
  if (moments.count < 2) return results;
  results.standardDeviation = Math.sqrt(moments.squaredDeviations / (moments.count - 1));
  results.interval = create(IntervalSchema, { ...intervalOf(metric, given.data, given.rule.alpha) });
  return results;
}

function intervalOf({ kind }: Metric, { moments, sum }: MetricData, alpha: number) {
  return kind === MetricKind.PROPORTION ? wilsonInterval({ successes: sum, count: moments.count }, alpha) : meanInterval(moments, alpha);
}
