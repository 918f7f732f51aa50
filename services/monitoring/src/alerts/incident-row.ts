import type { AlertRow } from './alert.entity.js';
import type { Incident } from './alert-state.js';

/** The state that evaluation folds, out of an alert's row. */
export function incidentOf(row: AlertRow): Incident {
  return {
    isFiring: row.state !== 'PENDING',
    severity: row.severity,
    pendingAt: row.pendingAt,
    firedAt: row.firedAt ?? undefined,
    warningSince: row.warningSince ?? undefined,
    criticalSince: row.criticalSince ?? undefined,
    belowSince: row.belowSince ?? undefined,
    clearSince: row.clearSince ?? undefined,
    evaluatedAt: row.evaluatedAt,
  };
}

/** The columns that hold an incident. */
export function incidentColumns(incident: Incident) {
  return {
    severity: incident.severity,
    pendingAt: incident.pendingAt,
    firedAt: incident.firedAt ?? null,
    warningSince: incident.warningSince ?? null,
    criticalSince: incident.criticalSince ?? null,
    belowSince: incident.belowSince ?? null,
    clearSince: incident.clearSince ?? null,
    evaluatedAt: incident.evaluatedAt,
  } satisfies Partial<AlertRow>;
}
