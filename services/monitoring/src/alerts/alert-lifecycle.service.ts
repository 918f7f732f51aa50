import { Inject, Injectable } from '@nestjs/common';
import { newId, type Tx } from '@q2/database';
import { labelsKey, type Labels } from '../metrics/series.js';
import { alertLabels, alertRule } from '../monitors/monitor.js';
import type { MonitorRow } from '../monitors/monitor.entity.js';
import { AlertRow } from './alert.entity.js';
import { isSilent, thresholdOf, type Reading, type Severity } from './alert-rule.js';
import { fold, type Folded, type Incident } from './alert-state.js';
import { Announcements } from './announcements.service.js';
import { incidentColumns, incidentOf } from './incident-row.js';
import { summarise } from './summary.js';

/** One group of a monitor at one evaluation, with the alert it has so far. */
export interface Evaluated {
  readonly monitor: MonitorRow;
  readonly group: Labels;
  readonly alert: AlertRow | undefined;
  readonly reading: Reading;
  readonly now: Date;
}

/** How an alert was ended by someone. */
export interface Ending {
  readonly by: string;
  readonly comment: string;
  readonly at: Date;
}

/** Writes what evaluation decides about alerts, with their events, in the caller's transaction. */
@Injectable()
export class AlertLifecycle {
  constructor(@Inject(Announcements) private readonly announcements: Announcements) {}

  /** Alerts of a monitor that have not ended, locked until the transaction ends. */
  lockActive(tx: Tx, { tenantId, id }: Pick<MonitorRow, 'tenantId' | 'id'>): Promise<AlertRow[]> {
    return tx.manager
      .createQueryBuilder(AlertRow, 'alert')
      .where(`alert.tenantId = :tenantId AND alert.monitorId = :id AND alert.state <> 'RESOLVED'`, { tenantId, id })
      .orderBy('alert.id')
      .setLock('pessimistic_write')
      .getMany();
  }

  /** Folds one reading into the alert of its group and writes what changed. */
  async evaluate(tx: Tx, evaluated: Evaluated): Promise<void> {
    const { monitor, alert, reading, now } = evaluated;
    const folded = fold(alertRule(monitor), alert && incidentOf(alert), reading, now);
    if (folded.incident) await this.keep(tx, evaluated, { ...folded, incident: folded.incident });
    else if (alert) await this.finish(tx, evaluated, alert);
  }

  /** Ends alerts on somebody's word: those that fired are resolved, pending ones go without a trace. */
  async end(tx: Tx, alerts: readonly AlertRow[], { by, comment, at }: Ending): Promise<AlertRow[]> {
    const ended: AlertRow[] = [];
    for (const alert of alerts) {
      if (alert.state === 'PENDING') await drop(tx, alert);
      else ended.push(await this.resolve(tx, { ...alert, resolvedBy: by, comment: comment || alert.comment }, at));
    }
    return ended;
  }

  private async keep(tx: Tx, evaluated: Evaluated, folded: Folded & { incident: Incident }): Promise<void> {
    const before = evaluated.alert;
    const { transition } = folded;
    const after = {
      ...(before ?? newAlert(evaluated)),
      ...incidentColumns(folded.incident),
      ...readingColumns(evaluated, folded.incident.severity),
    };
    if (transition === 'FIRED' || transition === 'RAISED') after.state = 'FIRING';
    if (transition !== 'NONE' && transition !== 'OPENED') {
      after.revision += 1;
      after.updatedAt = evaluated.now;
    }
    if (before) await tx.manager.update(AlertRow, { tenantId: after.tenantId, id: after.id }, after);
    else await tx.manager.insert(AlertRow, after);
    if (transition === 'FIRED') await this.announcements.fired(tx, after, undefined);
    if (transition === 'RAISED') await this.announcements.fired(tx, after, before?.severity);
    if (transition === 'LOWERED') await this.announcements.changed(tx, after);
  }

  private async finish(tx: Tx, evaluated: Evaluated, alert: AlertRow): Promise<void> {
    if (alert.state === 'PENDING') return drop(tx, alert);
    const { reading, now } = evaluated;
    await this.resolve(tx, { ...alert, value: reading.value ?? null, points: reading.points }, now);
  }

  private async resolve(tx: Tx, alert: AlertRow, at: Date): Promise<AlertRow> {
    const resolved: AlertRow = { ...alert, state: 'RESOLVED', resolvedAt: at, updatedAt: at, revision: alert.revision + 1 };
    await tx.manager.update(AlertRow, { tenantId: alert.tenantId, id: alert.id }, resolved);
    await this.announcements.resolved(tx, resolved, at);
    return resolved;
  }
}

async function drop(tx: Tx, { tenantId, id }: AlertRow): Promise<void> {
  await tx.execute('DELETE FROM alerts WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
}

function newAlert({ monitor, group, now }: Evaluated): AlertRow {
  const alert = new AlertRow();
  alert.tenantId = monitor.tenantId;
  alert.id = newId();
  alert.monitorId = monitor.id;
  alert.fingerprint = labelsKey(group);
  alert.groupLabels = group;
  alert.target = monitor.target;
  alert.metric = monitor.metric;
  alert.labels = alertLabels(monitor, group);
  alert.updatedAt = now;
  return alert;
}

/** What the latest reading showed; a reading that says nothing leaves what was. */
function readingColumns({ monitor, alert, group, reading }: Evaluated, severity: Severity): Partial<AlertRow> {
  const rule = alertRule(monitor);
  if (alert && rule.noData === 'KEEP' && isSilent(rule, reading)) return {};
  const summary = summarise({ ...monitor, rule }, alertLabels(monitor, group), reading, severity);
  return { value: reading.value ?? null, points: reading.points, threshold: thresholdOf(rule, severity), summary };
}
