import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { Clock, decodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { toHealthProto } from '../health/health-proto.js';
import { HealthService } from '../health/health.service.js';
import { nextToken } from '../next-token.js';
import { applyMask } from './monitor-mask.js';
import { draftOf, toMonitorProto } from './monitor-proto.js';
import { completeMonitor, type MonitorSettings } from './monitor.js';
import { MonitorsService } from './monitors.service.js';

const cursor = z.string().max(63);

/** MonitorService of the contract. */
@Injectable()
export class MonitorsGrpc implements ServiceImpl<typeof monitoring.MonitorService> {
  constructor(
    @Inject(MonitorsService) private readonly monitors: MonitorsService,
    @Inject(HealthService) private readonly health: HealthService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async createMonitor({ monitorId, monitor }: monitoring.CreateMonitorRequest, call: Call) {
    const settings = completeMonitor(draftOf(given(monitor)), call.tenant);
    return toMonitorProto(await this.monitors.create(call.tenant, monitorId, settings));
  }

  async getMonitor({ name }: monitoring.GetMonitorRequest, call: Call) {
    return toMonitorProto(await this.monitors.get(call.tenant, idOf(name)));
  }

  async listMonitors(request: monitoring.ListMonitorsRequest, call: Call) {
    const limit = pageSizeOf(request);
    const rows = await this.monitors.list(call.tenant, { target: request.target, after: decodePage(request.pageToken, cursor), limit });
    return { monitors: rows.map(toMonitorProto), nextPageToken: nextToken(rows, limit, ({ id }) => id) };
  }

  async updateMonitor({ name, monitor, updateMask }: monitoring.UpdateMonitorRequest, call: Call) {
    const wanted = given(monitor);
    const reference = { tenant: call.tenant, id: idOf(name), etag: wanted.etag, by: call.principal.id };
    const row = await this.monitors.update(reference, (before): MonitorSettings => {
      const current = create(monitoring.MonitorSchema, toMonitorProto(before));
      return completeMonitor(draftOf(applyMask(current, wanted, updateMask?.paths ?? [])), call.tenant);
    });
    return toMonitorProto(row);
  }

  async deleteMonitor({ name, etag }: monitoring.DeleteMonitorRequest, call: Call) {
    await this.monitors.delete({ tenant: call.tenant, id: idOf(name), etag, by: call.principal.id });
    return {};
  }

  async checkHealth({ name }: monitoring.CheckHealthRequest, call: Call) {
    const [, model = '', version] = /\/models\/([^/]+)(?:\/versions\/(.+))?$/.exec(name) ?? [];
    const report = await this.health.check({ tenant: call.tenant, model, version });
    return { ...toHealthProto(report), name, checkTime: timestampFromDate(this.clock.now()) };
  }
}

function idOf(name: string): string {
  return monitoring.monitorName.parse(name).monitor;
}

function given(monitor: monitoring.Monitor | undefined): monitoring.Monitor {
  if (!monitor) throw InvalidArgument.field('monitor', 'must be set');
  return monitor;
}
