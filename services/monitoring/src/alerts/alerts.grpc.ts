import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { decodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { nameIn } from '../enum-names.js';
import { nextToken } from '../next-token.js';
import { AlertFeed } from './alert-feed.service.js';
import { nameOfAlert, nameOfMonitor } from './alert-events.js';
import { alertStates, type AlertRow } from './alert.entity.js';
import { alertEtag, AlertsService } from './alerts.service.js';

const cursor = z.uuid();

/** AlertService of the contract. */
@Injectable()
export class AlertsGrpc implements ServiceImpl<typeof monitoring.AlertService> {
  constructor(
    @Inject(AlertsService) private readonly alerts: AlertsService,
    @Inject(AlertFeed) private readonly feed: AlertFeed,
  ) {}

  async listAlerts(request: monitoring.ListAlertsRequest, call: Call) {
    const limit = pageSizeOf(request);
    const rows = await this.alerts.list(call.tenant, {
      state: nameIn(alertStates, monitoring.AlertState, request.state),
      monitor: request.monitor === '' ? '' : monitoring.monitorName.parse(request.monitor, 'monitor').monitor,
      target: request.target,
      before: decodePage(request.pageToken, cursor),
      limit,
    });
    return { alerts: rows.map(toAlertProto), nextPageToken: nextToken(rows, limit, ({ id }) => id) };
  }

  async getAlert({ name }: monitoring.GetAlertRequest, call: Call) {
    return toAlertProto(await this.alerts.get(call.tenant, idOf(name)));
  }

  async acknowledgeAlert({ name, comment, etag }: monitoring.AcknowledgeAlertRequest, call: Call) {
    return toAlertProto(await this.alerts.acknowledge({ tenant: call.tenant, id: idOf(name), etag, comment, by: call.principal.id }));
  }

  async resolveAlert({ name, comment, etag }: monitoring.ResolveAlertRequest, call: Call) {
    return toAlertProto(await this.alerts.resolve({ tenant: call.tenant, id: idOf(name), etag, comment, by: call.principal.id }));
  }

  async *watchAlerts({ target }: monitoring.WatchAlertsRequest, call: Call) {
    for await (const alert of this.feed.watch({ tenant: call.tenant, target, signal: call.signal })) yield { alert: toAlertProto(alert) };
  }
}

function idOf(name: string): string {
  return monitoring.alertName.parse(name).alert;
}

function toAlertProto(alert: AlertRow): MessageInitShape<typeof monitoring.AlertSchema> {
  return {
    name: nameOfAlert(alert),
    monitor: nameOfMonitor(alert),
    target: alert.target,
    state: monitoring.AlertState[alert.state],
    severity: monitoring.Severity[alert.severity],
    metric: alert.metric,
    labels: { ...alert.labels },
    ...(alert.value !== null && { value: alert.value }),
    threshold: alert.threshold,
    points: BigInt(alert.points),
    summary: alert.summary,
    pendingTime: timestampFromDate(alert.pendingAt),
    ...(alert.firedAt && { startTime: timestampFromDate(alert.firedAt) }),
    ...(alert.acknowledgedAt && { acknowledgeTime: timestampFromDate(alert.acknowledgedAt) }),
    acknowledgedBy: alert.acknowledgedBy,
    ...(alert.resolvedAt && { resolveTime: timestampFromDate(alert.resolvedAt) }),
    resolvedBy: alert.resolvedBy,
    comment: alert.comment,
    etag: alertEtag(alert),
  };
}
