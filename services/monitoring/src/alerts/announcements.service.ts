import { Inject, Injectable } from '@nestjs/common';
import { monitoring, monitoringEvents } from '@q2/contracts';
import type { Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { overallScore, statusOf } from '../health/health.js';
import type { AlertRow } from './alert.entity.js';
import { alertFired, alertResolved, nameOfAlert } from './alert-events.js';
import type { Severity } from './alert-rule.js';

/** PostgreSQL channel on which each change of an alert is told, as the tenant's id. */
export const alertsChannel = 'q2_monitoring_alerts';

/** Tells the world what became of alerts, in the transaction that changed them. */
@Injectable()
export class Announcements {
  constructor(@Inject(Outbox) private readonly outbox: Outbox) {}

  /** An alert fired, or its severity rose from `previous`. */
  async fired(tx: Tx, alert: AlertRow, previous: Severity | undefined): Promise<void> {
    await this.outbox.add(tx, { type: monitoringEvents.AlertFiredSchema, data: alertFired(alert, previous), key: nameOfAlert(alert) });
    await this.changed(tx, alert);
  }

  /** An alert that had fired ended at `at`. */
  async resolved(tx: Tx, alert: AlertRow, at: Date): Promise<void> {
    await this.outbox.add(tx, { type: monitoringEvents.AlertResolvedSchema, data: alertResolved(alert, at), key: nameOfAlert(alert) });
    await this.changed(tx, alert);
  }

  /** An alert changed: those who watch are told, and its target's health is judged again. */
  async changed(tx: Tx, alert: AlertRow): Promise<void> {
    await tx.query('SELECT pg_notify($1, $2)', [alertsChannel, alert.tenantId]);
    await this.judgeTarget(tx, alert);
  }

  private async judgeTarget(tx: Tx, alert: AlertRow): Promise<void> {
    const before = await lockScore(tx, alert);
    const score = overallScore(await firingSeverities(tx, alert)) ?? 100;
    await tx.execute('UPDATE target_health SET score = $3, updated_at = $4 WHERE tenant_id = $1 AND target = $2', [
      alert.tenantId,
      alert.target,
      score,
      alert.updatedAt.toISOString(),
    ]);
    const [status, previous] = [statusOf(score), statusOf(before)];
    if (score >= before || status === previous) return;
    const data = {
      target: alert.target,
      status: monitoring.HealthStatus[status],
      previousStatus: monitoring.HealthStatus[previous],
      score,
      alert: nameOfAlert(alert),
    };
    await this.outbox.add(tx, { type: monitoringEvents.HealthDegradedSchema, data, key: alert.target });
  }
}

/** The score last announced; locked, so that alerts of the same target are judged one after the other. */
async function lockScore(tx: Tx, { tenantId, target, updatedAt }: AlertRow): Promise<number> {
  const rows = await tx.query<{ score: number }>(
    `INSERT INTO target_health (tenant_id, target, score, updated_at) VALUES ($1, $2, 100, $3)
     ON CONFLICT (tenant_id, target) DO UPDATE SET updated_at = excluded.updated_at RETURNING score`,
    [tenantId, target, updatedAt.toISOString()],
  );
  return Math.min(100, ...rows.map(({ score }) => score));
}

async function firingSeverities(tx: Tx, { tenantId, target }: AlertRow): Promise<Severity[]> {
  const rows = await tx.query<{ severity: Severity }>(
    `SELECT DISTINCT severity FROM alerts WHERE tenant_id = $1 AND target = $2 AND state IN ('FIRING', 'ACKNOWLEDGED')`,
    [tenantId, target],
  );
  return rows.map(({ severity }) => severity);
}
