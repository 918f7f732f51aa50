import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { monitoring, monitoringEvents } from '@q2/contracts';
import type { Severity } from './alert-rule.js';
import type { AlertRow } from './alert.entity.js';

/** Resource name of an alert. */
export function nameOfAlert(alert: Pick<AlertRow, 'tenantId' | 'id'>): string {
  return monitoring.alertName.format({ tenant: alert.tenantId, alert: alert.id });
}

/** Resource name of the monitor that raised an alert. */
export function nameOfMonitor(alert: Pick<AlertRow, 'tenantId' | 'monitorId'>): string {
  return monitoring.monitorName.format({ tenant: alert.tenantId, monitor: alert.monitorId });
}

/** What both events say of an alert. */
function facts(alert: AlertRow) {
  return {
    alert: nameOfAlert(alert),
    monitor: nameOfMonitor(alert),
    target: alert.target,
    severity: monitoring.Severity[alert.severity],
    metric: alert.metric,
    labels: { ...alert.labels },
    ...(alert.value === null ? {} : { value: alert.value }),
    ...(alert.firedAt === null ? {} : { startTime: timestampFromDate(alert.firedAt) }),
  };
}

/** The event of an alert that began to fire, or whose severity rose from `previous`. */
export function alertFired(alert: AlertRow, previous: Severity | undefined): MessageInitShape<typeof monitoringEvents.AlertFiredSchema> {
  const previousSeverity = monitoring.Severity[previous ?? 'UNSPECIFIED'];
  return { ...facts(alert), previousSeverity, threshold: alert.threshold, summary: alert.summary };
}

/** The event of an alert that ended at `at`. */
export function alertResolved(alert: AlertRow, at: Date): MessageInitShape<typeof monitoringEvents.AlertResolvedSchema> {
  return { ...facts(alert), resolveTime: timestampFromDate(at), resolvedBy: alert.resolvedBy };
}
