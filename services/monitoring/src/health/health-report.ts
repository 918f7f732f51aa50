import { isSilent, thresholdOf, type AlertRule, type Reading, type Severity } from '../alerts/alert-rule.js';
import { overallScore, scoreOf, statusOf, type Condition, type HealthStatus } from './health.js';

/** What one monitor, or one group of it, says now. Names are resource names. */
export interface Observation {
  readonly monitor: string;
  readonly target: string;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rule: AlertRule;
  readonly reading: Reading;
  /** The alert that has not ended, if any. */
  readonly alert: { readonly name: string; readonly isFiring: boolean; readonly severity: Severity; readonly summary: string } | undefined;
}

/** What to do, and the method and resource that do it. */
interface Recommendation {
  readonly summary: string;
  readonly method: string;
  readonly resource: string;
}

/** Something wrong, with its evidence. */
export interface Finding {
  readonly severity: 'INFO' | Severity;
  readonly summary: string;
  readonly observation: Observation;
  readonly threshold: number | undefined;
  readonly recommendation: Recommendation;
}

/** Health of a model or version; score and status are undefined where nothing is known. */
export interface HealthReport {
  readonly score: number | undefined;
  readonly status: HealthStatus | undefined;
  readonly components: readonly { readonly observation: Observation; readonly score: number }[];
  readonly findings: readonly Finding[];
}

/** Judges a model or version by what its monitors say now. Monitors that have seen nothing count for nothing but are told of. */
export function reportHealth(observations: readonly Observation[]): HealthReport {
  const judged = observations.map((observation) => ({ observation, condition: conditionOf(observation) }));
  const known = judged.flatMap(({ observation, condition }) => (condition ? [{ observation, condition }] : []));
  const score = overallScore(known.map(({ condition }) => condition));
  const findings = judged.flatMap(({ observation, condition }) => findingOf(observation, condition));
  return {
    score,
    status: score === undefined ? undefined : statusOf(score),
    components: known.map(({ observation, condition }) => ({ observation, score: scoreOf(condition) })),
    findings: findings.sort((left, right) => weights[right.severity] - weights[left.severity]),
  };
}

const weights = { INFO: 0, WARNING: 1, CRITICAL: 2 } as const;

function conditionOf({ alert, rule, reading }: Observation): Condition | undefined {
  if (alert) return alert.isFiring ? alert.severity : 'PENDING';
  return isSilent(rule, reading) ? undefined : 'GOOD';
}

function findingOf(observation: Observation, condition: Condition | undefined): Finding[] {
  const { alert, rule, metric } = observation;
  if (condition === 'GOOD') return [];
  if (!alert || condition === undefined) {
    const summary = `${metric} has ${observation.reading.points} points of the ${rule.minimumSamples} needed to judge it`;
    return [{ severity: 'INFO', summary, observation, threshold: undefined, recommendation: recordPoints(observation) }];
  }
  const severity = condition === 'PENDING' ? 'INFO' : condition;
  const recommendation = recommendations[condition](observation, alert.name);
  return [{ severity, summary: alert.summary, observation, threshold: thresholdOf(rule, alert.severity), recommendation }];
}

const recommendations: Readonly<Record<Exclude<Condition, 'GOOD'>, (observation: Observation, alert: string) => Recommendation>> = {
  CRITICAL: ({ target }) => ({
    summary: 'Return production to the version that served before',
    method: 'q2.models.v1.ModelService/RollbackProduction',
    resource: target.replace(/\/versions\/[^/]*$/, ''),
  }),
  WARNING: (_, alert) => ({
    summary: 'Look into it, and say so',
    method: 'q2.monitoring.v1.AlertService/AcknowledgeAlert',
    resource: alert,
  }),
  PENDING: (_, alert) => ({ summary: 'Wait and see whether it stays', method: 'q2.monitoring.v1.AlertService/GetAlert', resource: alert }),
};

function recordPoints({ target }: Observation): Recommendation {
  const [tenant = ''] = /^tenants\/[^/]+/.exec(target) ?? [];
  return { summary: 'Report the metric', method: 'q2.monitoring.v1.MetricService/RecordStream', resource: tenant };
}
