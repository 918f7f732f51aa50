import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { monitoring, schedules, workflows } from '@q2/contracts';
import { settled, allPages, type Journey, type LoadedTenant } from './journey.js';
import { executionsOf, succeededOnce } from './executions.js';
import { streamTimeoutMs } from './requests.js';
import { exactlyOnce, type Verdict } from './verdict.js';

const { MonitorService, MetricService, AlertService } = monitoring;
const pointsOfStep = 6;
const hourMs = 3_600_000;

/** Records points that each make an alert fire, whose event starts a workflow that acknowledges the alert. */
export class AlertsJourney implements Journey {
  readonly name = 'alerts';
  private readonly requests;
  private readonly startedAt = new Date();
  private readonly incidents: string[] = [];

  constructor(private readonly tenant: LoadedTenant) {
    this.requests = tenant.requests(this.name);
  }

  async prepare(): Promise<void> {
    const { clients, name: parent } = this.tenant;
    const retry = { maxAttempts: 10, initialInterval: durationFromMs(200), backoffCoefficient: 2 };
    const work = { case: 'action' as const, value: { name: 'alerts.acknowledge', input: { name: '${input.alert}', comment: 'seen' } } };
    await this.requests.send(workflows.WorkflowService.method.createWorkflow, (requestId) =>
      clients
        .get(workflows.WorkflowService)
        .createWorkflow({ parent, workflowId: 'react', definition: { steps: [{ id: 'acknowledge', work, retry }] }, requestId }),
    );
    const input = { alert: '${event.data.alert}', key: '${event.data.labels.incident}' };
    const action = { case: 'startWorkflow' as const, value: { workflow: `${parent}/workflows/react`, input } };
    const condition = { case: 'event' as const, value: { eventTypes: ['q2.monitoring.events.v1.AlertFired'] } };
    await this.requests.send(schedules.TriggerService.method.createTrigger, (requestId) =>
      clients.get(schedules.TriggerService).createTrigger({ parent, triggerId: 'on-alert', trigger: { condition, action }, requestId }),
    );
    await this.requests.send(MonitorService.method.createMonitor, (requestId) =>
      clients.get(MonitorService).createMonitor({ parent, monitorId: 'incidents', monitor: incidentMonitor(parent), requestId }),
    );
  }

  async step(number: number): Promise<void> {
    const { clients, name: parent } = this.tenant;
    const incident = `incident-${String(number)}`;
    const time = timestampFromDate(new Date());
    const points = Array.from({ length: pointsOfStep }, () => ({ metric: 'incidents', labels: { incident }, value: 1, time }));
    await this.requests.send(MetricService.method.recordStream, async (batchId) => {
      async function* batches() {
        yield { parent, batchId, points };
      }
      const { rejections } = await clients.get(MetricService).recordStream(batches(), { timeoutMs: streamTimeoutMs });
      const [rejection] = rejections;
      if (rejection !== undefined) throw new Error(`a point was refused: ${rejection.message}`);
    });
    this.incidents.push(incident);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async verdicts(): Promise<Verdict[]> {
    const expected = this.incidents.length;
    const alerts = await settled(
      () => this.alerts(),
      (found) => found.length >= expected,
    );
    const executions = await settled(
      () => executionsOf(this.tenant, 'react'),
      (found) => found.filter(({ state }) => state === 'SUCCEEDED').length >= expected,
    );
    return [
      await this.pointsVerdict(),
      exactlyOnce(
        'each alert fires once',
        this.incidents,
        alerts.map(({ labels }) => labels['incident'] ?? ''),
      ),
      ...succeededOnce('each alert starts one execution', this.incidents, executions),
    ];
  }

  private async pointsVerdict(): Promise<Verdict> {
    const end = new Date(Date.now() + hourMs);
    const { series } = await this.tenant.clients.get(MetricService).queryRange({
      parent: this.tenant.name,
      metric: 'incidents',
      aggregation: monitoring.Aggregation.COUNT,
      window: durationFromMs(end.getTime() - this.startedAt.getTime() + hourMs),
      startTime: timestampFromDate(new Date(this.startedAt.getTime() - hourMs)),
      endTime: timestampFromDate(end),
      groupBy: ['incident'],
    });
    const counts = series.map(({ labels, samples }) => ({
      incident: labels['incident'] ?? '',
      points: samples.reduce((sum, { points }) => sum + Number(points), 0),
    }));
    const wrong = counts.filter(({ points }) => points !== pointsOfStep);
    const lost = this.incidents.length - counts.length;
    return {
      claim: 'each metric point is stored once',
      checked: this.incidents.length * pointsOfStep,
      violations: [
        ...wrong.map(({ incident, points }) => `${incident} has ${String(points)} points instead of ${String(pointsOfStep)}`),
        ...(lost === 0 ? [] : [`${String(lost)} series of ${this.tenant.name} are lost`]),
      ],
    };
  }

  private alerts(): Promise<monitoring.Alert[]> {
    return allPages(async (pageToken) => {
      const page = await this.tenant.clients.get(AlertService).listAlerts({ parent: this.tenant.name, pageSize: 1_000, pageToken });
      return { items: page.alerts, nextPageToken: page.nextPageToken };
    });
  }
}

/** Fires for each incident as soon as its points are there, and goes on firing for the rest of the run. */
const incidentMonitor = (tenant: string) => ({
  displayName: 'Incidents',
  target: `${tenant}/models/digits`,
  metric: 'incidents',
  groupBy: ['incident'],
  aggregation: monitoring.Aggregation.AVERAGE,
  window: durationFromMs(hourMs),
  comparison: monitoring.Comparison.GREATER,
  criticalThreshold: 0.5,
  minimumSamples: pointsOfStep - 1,
  evaluationInterval: durationFromMs(1_000),
});
