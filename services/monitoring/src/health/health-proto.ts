import type { MessageInitShape } from '@bufbuild/protobuf';
import { monitoring } from '@q2/contracts';
import type { Finding, HealthReport, Observation } from './health-report.js';

/** A report as the contract states it, without name and time. */
export function toHealthProto({ score, status, components, findings }: HealthReport): MessageInitShape<typeof monitoring.HealthSchema> {
  return {
    score: score ?? 0,
    status: monitoring.HealthStatus[status ?? 'UNSPECIFIED'],
    components: components.map((component) => ({
      ...evidence(component.observation),
      labels: { ...component.observation.labels },
      score: component.score,
    })),
    findings: findings.map(toFindingProto),
  };
}

function toFindingProto({
  severity,
  summary,
  observation,
  threshold,
  recommendation,
}: Finding): MessageInitShape<typeof monitoring.HealthFindingSchema> {
  return {
    ...evidence(observation),
    severity: monitoring.Severity[severity],
    summary,
    alert: observation.alert?.name ?? '',
    metric: observation.metric,
    ...(threshold !== undefined && { threshold }),
    recommendation,
  };
}

function evidence({ monitor, reading }: Observation) {
  return { monitor, points: BigInt(reading.points), ...(reading.value !== undefined && { value: reading.value }) };
}
