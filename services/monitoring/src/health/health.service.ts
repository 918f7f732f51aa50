import { Inject, Injectable } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Clock } from '@q2/service-kit';
import { nameOfAlert } from '../alerts/alert-events.js';
import { AlertRow } from '../alerts/alert.entity.js';
import { readings, windowQuery } from '../evaluation/window.js';
import { labelsKey, type Labels } from '../metrics/series.js';
import { TimeSeriesStore } from '../metrics/time-series.port.js';
import { alertLabels, alertRule } from '../monitors/monitor.js';
import { MonitorRow } from '../monitors/monitor.entity.js';
import { reportHealth, type HealthReport, type Observation } from './health-report.js';

/** Monitors of one target that are read for its health. */
const maxMonitors = 50;

/** What is judged: a model, or one version of it. */
export interface Subject {
  readonly tenant: string;
  readonly model: string;
  readonly version: string | undefined;
}

/** Judges models by the monitors that watch them, as of now. */
@Injectable()
export class HealthService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TimeSeriesStore) private readonly store: TimeSeriesStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** A version is judged by its own monitors and by those of its model, as far as these are not about other versions. */
  check(subject: Subject): Promise<HealthReport> {
    const model = `tenants/${subject.tenant}/models/${subject.model}`;
    const targets = subject.version === undefined ? [model] : [model, `${model}/versions/${subject.version}`];
    return this.database.inTenant(subject.tenant, async (tx) => {
      const monitors = await findMonitors(tx, subject.tenant, targets);
      const observations: Observation[] = [];
      for (const monitor of monitors) observations.push(...(await this.observe(tx, monitor)));
      return reportHealth(observations.filter(({ labels }) => isAbout(labels, subject)));
    });
  }

  private async observe(tx: Tx, monitor: MonitorRow): Promise<Observation[]> {
    const { tenantId, id } = monitor;
    const alerts = await tx.manager
      .createQueryBuilder(AlertRow, 'alert')
      .where(`alert.tenantId = :tenantId AND alert.monitorId = :id AND alert.state <> 'RESOLVED'`, { tenantId, id })
      .getMany();
    const byGroup = new Map(alerts.map((alert) => [alert.fingerprint, alert]));
    const series = await this.store.query(tenantId, windowQuery(monitor, this.clock.now(), []));
    const groups = alerts.map(({ groupLabels }) => groupLabels);
    return readings(monitor, series, groups).map(({ group, reading }) => {
      const alert = byGroup.get(labelsKey(group));
      return {
        monitor: monitoring.monitorName.format({ tenant: tenantId, monitor: id }),
        target: monitor.target,
        metric: monitor.metric,
        labels: alertLabels(monitor, group),
        rule: alertRule(monitor),
        reading,
        alert: alert && { name: nameOfAlert(alert), isFiring: alert.state !== 'PENDING', severity: alert.severity, summary: alert.summary },
      };
    });
  }
}

function findMonitors(tx: Tx, tenant: string, targets: readonly string[]): Promise<MonitorRow[]> {
  return tx.manager
    .createQueryBuilder(MonitorRow, 'monitor')
    .where('monitor.tenantId = :tenant AND monitor.target = ANY(:targets)', { tenant, targets: [...targets] })
    .orderBy('monitor.id')
    .limit(maxMonitors)
    .getMany();
}

function isAbout(labels: Labels, { version }: Subject): boolean {
  return version === undefined || (labels['version'] ?? version) === version;
}
