import { create } from '@bufbuild/protobuf';
import { experiments } from '@q2/contracts';
import { controlOf, goalOf, ruleOf, treatmentsOf, type Experiment, type Variant } from '../experiments/experiment.js';

const { DecisionKind, Direction, EvidenceCause, EvidenceSchema, Finding, MetricEvidenceSchema, MetricRole } = experiments;

/** How an experiment ends. */
export interface Verdict {
  readonly kind: experiments.DecisionKind.CONCLUDED | experiments.DecisionKind.ROLLED_BACK;
  /** Of a conclusion; empty where there is no winner. */
  readonly winnerVariant: string;
  readonly evidence: experiments.Evidence;
}

/**
 * Applies an experiment's rule to its results, protection first: a wrong split or a guardrail worse than its margin
 * rolls back; a variant better on the goal and acceptable on every guardrail wins; where all are worse, the control.
 *
 * @returns undefined while nothing can be decided
 */
export function decide(experiment: Experiment, results: experiments.Results): Verdict | undefined {
  return protect(results) ?? conclude(experiment, results);
}

type Cause = experiments.EvidenceCause;

/** The figures of a decision as they are now. */
export function evidenceOf(results: experiments.Results, cause: Cause, reason: string): experiments.Evidence {
  return create(EvidenceSchema, {
    reason,
    cause,
    metrics: results.metrics.flatMap(metricEvidence),
    units: results.sampleRatio?.units ?? {},
    sampleRatioPValue: results.sampleRatio?.alwaysValidPValue ?? 1,
  });
}

function metricEvidence({ metric, role, variants }: experiments.MetricResults): experiments.MetricEvidence[] {
  const controlUnits = variants.find(({ control }) => control)?.units ?? 0n;
  return variants.flatMap(({ variant, units, comparison }) => {
    if (!comparison?.absolute?.alwaysValidInterval) return [];
    const { value, alwaysValidInterval } = comparison.absolute;
    const { lower, upper } = alwaysValidInterval;
    const figures = { effect: value, lower, upper, pValue: comparison.alwaysValidPValue, units: units + controlUnits };
    return create(MetricEvidenceSchema, { metric, variant, role, ...figures });
  });
}

function protect(results: experiments.Results): Verdict | undefined {
  const back = (cause: Cause, reason: string): Verdict => ({
    kind: DecisionKind.ROLLED_BACK,
    winnerVariant: '',
    evidence: evidenceOf(results, cause, reason),
  });
  if (results.sampleRatio?.mismatch) return back(EvidenceCause.SAMPLE_RATIO_MISMATCH, results.sampleRatio.verdict);
  for (const { metric, role, variants } of results.metrics) {
    if (role !== MetricRole.GUARDRAIL) continue;
    const breach = variants.find(({ comparison }) => comparison?.finding === Finding.WORSE);
    if (breach) return back(EvidenceCause.GUARDRAIL_WORSE, `Guardrail '${metric}' of '${breach.variant}': ${breach.verdict}`);
  }
  return undefined;
}

function conclude(experiment: Experiment, results: experiments.Results): Verdict | undefined {
  if (!hasMinimumSample(experiment, results)) return undefined;
  const goal = goalOf(experiment);
  const sign = goal.direction === Direction.DECREASE ? -1 : 1;
  const gain = ({ id }: Variant) => sign * (resultsOf(results, goal.id, id)?.comparison?.absolute?.value ?? 0);
  const treatments = treatmentsOf(experiment);
  const shown = (finding: experiments.Finding) =>
    treatments.filter(({ id }) => resultsOf(results, goal.id, id)?.comparison?.finding === finding);
  const [winner] = shown(Finding.BETTER)
    .filter((variant) => isAcceptable(results, variant))
    .toSorted((a, b) => gain(b) - gain(a));
  const won = (id: string, cause: Cause, reason: string): Verdict => ({
    kind: DecisionKind.CONCLUDED,
    winnerVariant: id,
    evidence: evidenceOf(results, cause, reason),
  });
  if (winner)
    return won(
      winner.id,
      EvidenceCause.GOAL_REACHED,
      `Goal '${goal.id}' of '${winner.id}': ${resultsOf(results, goal.id, winner.id)?.verdict ?? ''}`,
    );
  if (shown(Finding.WORSE).length < treatments.length) return undefined;
  return won(controlOf(experiment).id, EvidenceCause.CONTROL_BETTER, `Every variant is worse than the control on the goal '${goal.id}'.`);
}

function resultsOf(results: experiments.Results, metricId: string, variantId: string): experiments.VariantResults | undefined {
  return results.metrics.find(({ metric }) => metric === metricId)?.variants.find(({ variant }) => variant === variantId);
}

/** Whether every guardrail is shown to stay within its margin. */
function isAcceptable(results: experiments.Results, { id }: Variant): boolean {
  const guardrails = results.metrics.filter(({ role }) => role === MetricRole.GUARDRAIL);
  return guardrails.every(({ metric }) => resultsOf(results, metric, id)?.comparison?.finding === Finding.ACCEPTABLE);
}

function hasMinimumSample(experiment: Experiment, results: experiments.Results): boolean {
  const least = BigInt(ruleOf(experiment).minSamplePerVariant);
  const compared = [controlOf(experiment), ...treatmentsOf(experiment)];
  return compared.every(({ id }) => (results.sampleRatio?.units[id] ?? 0n) >= least);
}
