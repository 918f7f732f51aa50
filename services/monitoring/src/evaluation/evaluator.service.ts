import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { Clock, Logger } from '@q2/service-kit';
import { AlertLifecycle } from '../alerts/alert-lifecycle.service.js';
import { TimeSeriesStore } from '../metrics/time-series.port.js';
import { labelsKey } from '../metrics/series.js';
import type { MonitorRow } from '../monitors/monitor.entity.js';
import { lockClaimed, release, type Claim } from './claims.service.js';
import { readings, windowQuery, type Reset } from './window.js';

/** Evaluates one claimed monitor: reads its window, folds every group, writes alerts and events, gives the claim back. */
@Injectable()
export class Evaluator {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TimeSeriesStore) private readonly store: TimeSeriesStore,
    @Inject(AlertLifecycle) private readonly alerts: AlertLifecycle,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  /** One transaction; one that fails leaves the alerts as they were and says why on the monitor. */
  async evaluate(claim: Claim): Promise<void> {
    try {
      await this.database.inTenant(claim.tenant, (tx) => this.evaluateLocked(tx, claim));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.logger.warn({ tenant: claim.tenant, monitor: claim.monitor, error: message }, 'a monitor could not be evaluated');
      await this.database.inTenant(claim.tenant, (tx) => release(tx, claim, { at: this.clock.now(), error: message.slice(0, 1_000) }));
    }
  }

  private async evaluateLocked(tx: Tx, claim: Claim): Promise<void> {
    const monitor = await lockClaimed(tx, claim);
    if (!monitor) return;
    // Locked before anything is read: an alert that somebody ends now waits, and one that was ended counts as a reset.
    const active = await this.alerts.lockActive(tx, monitor);
    const now = this.clock.now();
    const query = windowQuery(monitor, now, await findResets(tx, monitor, now));
    const series = await this.store.query(claim.tenant, query);
    const alerted = new Map(active.map((alert) => [alert.fingerprint, alert]));
    const groups = readings(
      monitor,
      series,
      active.map(({ groupLabels }) => groupLabels),
    );
    for (const { group, reading } of groups) {
      await this.alerts.evaluate(tx, { monitor, group, reading, now, alert: alerted.get(labelsKey(group)) });
    }
    await release(tx, claim, { at: now, error: '' });
  }
}

/** Groups whose alert somebody ended within the window. */
function findResets(tx: Tx, monitor: MonitorRow, now: Date): Promise<Reset[]> {
  const since = new Date(now.getTime() - monitor.windowMs);
  return tx.query<Reset>(
    `SELECT group_labels AS labels, max(resolved_at) AS at FROM alerts
     WHERE tenant_id = $1 AND monitor_id = $2 AND resolved_by <> '' AND resolved_at > $3 GROUP BY group_labels`,
    [monitor.tenantId, monitor.id, since.toISOString()],
  );
}
