import type { AlertRule } from '../alerts/alert-rule.js';
import { reportHealth, type Observation } from './health-report.js';
import { statusOf } from './health.js';

const rule: AlertRule = {
  comparison: 'GREATER',
  warning: 0.1,
  critical: 0.3,
  clear: undefined,
  pendingMs: 0,
  keepFiringMs: 0,
  minimumSamples: 10,
  noData: 'KEEP',
};

function observation(alert?: Partial<NonNullable<Observation['alert']>>, points = 50): Observation {
  return {
    monitor: 'tenants/acme/monitors/errors',
    target: 'tenants/acme/models/digits/versions/1.2.0',
    metric: 'prediction_errors',
    labels: { version: '1.2.0' },
    rule,
    reading: { value: points === 0 ? undefined : 0.05, points },
    alert: alert && { name: 'tenants/acme/alerts/a', isFiring: true, severity: 'WARNING', summary: 'errors', ...alert },
  };
}

describe('statusOf', () => {
  it.each([
    [100, 'HEALTHY'],
    [80, 'HEALTHY'],
    [79, 'DEGRADED'],
    [50, 'DEGRADED'],
    [49, 'UNHEALTHY'],
  ] as const)('of %d is %s', (score, status) => {
    expect(statusOf(score)).toBe(status);
  });
});

describe('reportHealth', () => {
  it('knows nothing where nothing watches', () => {
    expect(reportHealth([])).toEqual({ score: undefined, status: undefined, components: [], findings: [] });
  });

  it('knows nothing where no monitor has enough points, and recommends to report them', () => {
    const report = reportHealth([observation(undefined, 0)]);
    expect(report).toMatchObject({ score: undefined, status: undefined, components: [] });
    expect(report.findings).toMatchObject([
      { severity: 'INFO', recommendation: { method: 'q2.monitoring.v1.MetricService/RecordStream', resource: 'tenants/acme' } },
    ]);
  });

  it('is as well as the worst component, and tells the worst first', () => {
    const report = reportHealth([observation(), observation({}), observation({ severity: 'CRITICAL' }), observation({ isFiring: false })]);
    expect(report).toMatchObject({ score: 20, status: 'UNHEALTHY' });
    expect(report.components.map(({ score }) => score)).toEqual([100, 60, 20, 80]);
    expect(report.findings.map(({ severity }) => severity)).toEqual(['CRITICAL', 'WARNING', 'INFO']);
  });

  it('recommends the rollback of the model where a version is critical', () => {
    const [finding] = reportHealth([observation({ severity: 'CRITICAL' })]).findings;
    expect(finding).toMatchObject({
      threshold: 0.3,
      recommendation: { method: 'q2.models.v1.ModelService/RollbackProduction', resource: 'tenants/acme/models/digits' },
    });
  });

  it('is good with enough points and no alert', () => {
    expect(reportHealth([observation()])).toMatchObject({ score: 100, status: 'HEALTHY', findings: [] });
  });
});
