import { randomUUID } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { monitoring, monitoringEvents } from '@q2/contracts';
import { decodeEvent, eventJson } from '@q2/events';
import type { TestPlatform } from '@q2/testing';
import { eventually, HandClock, receivedEvents, startMonitoring, tenantOf } from '../monitoring.testing.js';

const { AlertState, Severity, HealthStatus } = monitoring;
type Tenant = ReturnType<typeof tenantOf>;

/** The only alert of a tenant, once it is in this state. */
const alertIn = (tenant: Tenant, state: monitoring.AlertState) =>
  eventually(async () => (await tenant.listAlerts()).find((alert) => alert.state === state));

const typesOf = (tenant: string) => receivedEvents(tenant).map(({ type }) => type.replace('q2.monitoring.events.v1.', ''));

describe('alerts', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startMonitoring({ hasListener: true });
  });
  afterAll(() => platform.stop());

  it('tells on the points, without waiting for the interval, that a version of a model fails, with what a workflow needs', async () => {
    const acme = tenantOf(platform, 'acme');
    await acme.watchErrors({ labels: { team: 'vision' }, evaluationInterval: { seconds: 3600n } });
    await eventually(async () =>
      (await acme.monitors.getMonitor({ name: `${acme.parent}/monitors/errors` })).evaluateTime ? true : undefined,
    );
    await acme.recordErrors('1.0.0', 50, 1, new Date());
    await acme.recordErrors('1.2.0', 50, 40, new Date());
    const event = await eventually(() => receivedEvents('acme').find(({ type }) => type.endsWith('AlertFired')));
    const [alert] = await acme.listAlerts();
    expect(event.key).toBe(alert?.name);
    expect(eventJson(event)).toMatchObject({
      alert: alert?.name,
      monitor: 'tenants/acme/monitors/errors',
      target: 'tenants/acme/models/digits',
      severity: 'SEVERITY_CRITICAL',
      metric: 'prediction_errors',
      value: 0.8,
      threshold: 0.3,
      labels: { model: 'digits', version: '1.2.0', team: 'vision' },
      summary: 'average of prediction_errors{team=vision, model=digits, version=1.2.0} over 60 s is 0.8 (50 points); critical above 0.3',
    });
    expect(await acme.listAlerts()).toHaveLength(1);
  });

  it('announces that the health of the target fell, once', async () => {
    const event = await eventually(() => receivedEvents('acme').find(({ type }) => type.endsWith('HealthDegraded')));
    const degraded = decodeEvent(monitoringEvents.HealthDegradedSchema, event);
    expect(degraded).toMatchObject({
      target: 'tenants/acme/models/digits',
      status: HealthStatus.UNHEALTHY,
      previousStatus: HealthStatus.HEALTHY,
      score: 20,
    });
    expect(typesOf('acme').filter((type) => type === 'HealthDegraded')).toHaveLength(1);
  });

  it('judges a version by what is about it, with the evidence and the way back', async () => {
    const acme = tenantOf(platform, 'acme', ['viewer']);
    const bad = await acme.monitors.checkHealth({ name: 'tenants/acme/models/digits/versions/1.2.0' });
    expect(bad).toMatchObject({ score: 20, status: HealthStatus.UNHEALTHY });
    expect(bad.findings).toMatchObject([
      {
        severity: Severity.CRITICAL,
        metric: 'prediction_errors',
        value: 0.8,
        threshold: 0.3,
        points: 50n,
        recommendation: { method: 'q2.models.v1.ModelService/RollbackProduction', resource: 'tenants/acme/models/digits' },
      },
    ]);
    const good = await acme.monitors.checkHealth({ name: 'tenants/acme/models/digits/versions/1.0.0' });
    expect(good).toMatchObject({ score: 100, status: HealthStatus.HEALTHY, findings: [], components: [{ value: 0.02, points: 50n }] });
    expect(await acme.monitors.checkHealth({ name: 'tenants/acme/models/digits' })).toMatchObject({ score: 20, components: [{}, {}] });
    const unknown = await acme.monitors.checkHealth({ name: 'tenants/acme/models/other' });
    expect(unknown).toMatchObject({ score: 0, status: HealthStatus.UNSPECIFIED, components: [] });
  });

  it('lets someone acknowledge and end it; trouble that is over raises no new alert, and trouble that goes on does', async () => {
    const acme = tenantOf(platform, 'acme');
    const workflows = platform.client(monitoring.AlertService, {
      tenant: 'acme',
      roles: ['service:workflow-orchestrator'],
      id: 'services/workflow-orchestrator',
    });
    const { name, etag } = await alertIn(acme, AlertState.FIRING);
    const acknowledged = await acme.alerts.acknowledgeAlert({ name, etag, comment: 'looking', requestId: randomUUID() });
    expect(acknowledged).toMatchObject({ state: AlertState.ACKNOWLEDGED, acknowledgedBy: 'tenants/acme/apiKeys/test', comment: 'looking' });
    expect(await acme.alerts.acknowledgeAlert({ name })).toEqual(acknowledged);
    await expect(acme.alerts.resolveAlert({ name, etag })).rejects.toMatchObject({ kind: 'ABORTED', reason: 'ALERT_CHANGED' });
    const resolved = await workflows.resolveAlert({ name, comment: 'rolled back' });
    expect(resolved).toMatchObject({ state: AlertState.RESOLVED, resolvedBy: 'services/workflow-orchestrator', comment: 'rolled back' });
    expect(await acme.alerts.resolveAlert({ name })).toEqual(resolved);
    await expect(acme.alerts.acknowledgeAlert({ name })).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'ALERT_NOT_FIRING' });
    await acme.recordErrors('1.0.0', 20, 0, new Date());
    await eventually(() => (typesOf('acme').includes('AlertResolved') ? true : undefined));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await acme.listAlerts()).toHaveLength(1);
    await acme.recordErrors('1.2.0', 20, 20, new Date());
    expect((await alertIn(acme, AlertState.FIRING)).labels['version']).toBe('1.2.0');
    await eventually(() => (typesOf('acme').filter((type) => type === 'AlertFired').length === 2 ? true : undefined));
  });

  it('keeps the alerts of tenants apart', async () => {
    const other = tenantOf(platform, 'other', ['admin']);
    const [alert] = await tenantOf(platform, 'acme').listAlerts();
    const id = alert?.name.split('/').at(-1) ?? '';
    await other.recordErrors('1.2.0', 50, 50, new Date());
    expect(await other.listAlerts()).toEqual([]);
    await expect(other.alerts.getAlert({ name: alert?.name ?? '' })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    for (const call of [other.alerts.getAlert, other.alerts.resolveAlert, other.alerts.acknowledgeAlert]) {
      await expect(call({ name: `${other.parent}/alerts/${id}` })).rejects.toMatchObject({ kind: 'NOT_FOUND', reason: 'ALERT_NOT_FOUND' });
    }
    await expect(other.alerts.getAlert({ name: `${other.parent}/alerts/nonsense` })).rejects.toMatchObject({ kind: 'NOT_FOUND' });
    await expect(other.alerts.listAlerts({ parent: other.parent, monitor: 'tenants/acme/monitors/errors' })).rejects.toMatchObject({
      kind: 'PERMISSION_DENIED',
    });
    expect(receivedEvents('other')).toEqual([]);
  });

  it('raises the severity in place, fires again for it, and resolves when the value recovers', async () => {
    const steps = tenantOf(platform, 'steps');
    await steps.watchErrors({ groupBy: [], minimumSamples: 1 });
    await steps.recordErrors('1', 10, 2, new Date());
    const warning = await alertIn(steps, AlertState.FIRING);
    expect(warning).toMatchObject({ severity: Severity.WARNING, threshold: 0.1 });
    await steps.alerts.acknowledgeAlert({ name: warning.name });
    await steps.recordErrors('1', 10, 10, new Date());
    const critical = await alertIn(steps, AlertState.FIRING);
    expect(critical).toMatchObject({ name: warning.name, severity: Severity.CRITICAL, threshold: 0.3 });
    await steps.recordErrors('1', 500, 0, new Date());
    await alertIn(steps, AlertState.RESOLVED);
    await eventually(() => (typesOf('steps').includes('AlertResolved') ? true : undefined));
    const fired = receivedEvents('steps').filter(({ type }) => type.endsWith('AlertFired'));
    expect(
      fired
        .map((event) => decodeEvent(monitoringEvents.AlertFiredSchema, event))
        .map(({ severity, previousSeverity }) => [previousSeverity, severity]),
    ).toEqual([
      [Severity.UNSPECIFIED, Severity.WARNING],
      [Severity.WARNING, Severity.CRITICAL],
    ]);
    expect(typesOf('steps').filter((type) => type === 'HealthDegraded')).toHaveLength(2);
    const ending = receivedEvents('steps').find(({ type }) => type.endsWith('AlertResolved'));
    expect(ending && decodeEvent(monitoringEvents.AlertResolvedSchema, ending)).toMatchObject({
      resolvedBy: '',
      severity: Severity.CRITICAL,
    });
  });

  it('shows watchers what fires now, then each change, and nobody else’s', async () => {
    const watched = tenantOf(platform, 'watched');
    await watched.watchErrors({});
    await watched.recordErrors('1', 10, 10, new Date());
    const first = await alertIn(watched, AlertState.FIRING);
    await tenantOf(platform, 'other').watchErrors({});
    const leave = new AbortController();
    const seen: [string, monitoring.AlertState][] = [];
    const watching = (async () => {
      for await (const { alert } of watched.alerts.watchAlerts({ parent: watched.parent, target: first.target }, { signal: leave.signal }))
        seen.push([alert?.labels['version'] ?? '', alert?.state ?? AlertState.UNSPECIFIED]);
    })();
    await eventually(() => (seen.length === 1 ? true : undefined));
    await watched.recordErrors('2', 10, 10, new Date());
    await eventually(() => (seen.length === 2 ? true : undefined));
    await watched.alerts.resolveAlert({ name: first.name });
    await eventually(() => (seen.length === 3 ? true : undefined));
    leave.abort();
    await expect(watching).rejects.toMatchObject({ name: expect.any(String) });
    expect(seen).toEqual([
      ['1', AlertState.FIRING],
      ['2', AlertState.FIRING],
      ['1', AlertState.RESOLVED],
    ]);
  });

  it('lists by state, monitor and target, page by page, newest first', async () => {
    const many = tenantOf(platform, 'many');
    await many.watchErrors({});
    for (const version of ['1', '2', '3']) {
      await many.recordErrors(version, 10, 10, new Date());
      await eventually(async () => ((await many.listAlerts()).some(({ labels }) => labels['version'] === version) ? true : undefined));
    }
    const { parent } = many;
    const page = await many.alerts.listAlerts({
      parent,
      pageSize: 2,
      monitor: `${parent}/monitors/errors`,
      target: `${parent}/models/digits`,
    });
    const rest = await many.alerts.listAlerts({ parent, pageSize: 2, pageToken: page.nextPageToken });
    expect([...page.alerts, ...rest.alerts].map(({ labels }) => labels['version'])).toEqual(['3', '2', '1']);
    expect((await many.alerts.listAlerts({ parent, state: AlertState.RESOLVED })).alerts).toEqual([]);
    expect((await many.alerts.listAlerts({ parent, target: `${parent}/models/none` })).alerts).toEqual([]);
  });
});

describe('alerts across a restart', () => {
  it('keep the timers of what is pending, and fire once however many processes evaluate', async () => {
    const clock = new HandClock();
    const first = await startMonitoring({ clock });
    const acme = tenantOf(first, 'acme');
    await acme.watchErrors({ groupBy: [], window: { seconds: 600n }, pendingDuration: { seconds: 60n } });
    await acme.recordErrors('1', 50, 50, clock.now());
    const pending = await alertIn(acme, AlertState.PENDING);
    await expect(acme.alerts.resolveAlert({ name: pending.name })).rejects.toMatchObject({ reason: 'ALERT_NOT_FIRING' });
    await first.process.stop();

    const processes = await Promise.all([0, 1].map(() => startMonitoring({ clock, databaseUrl: first.databaseUrl, hasListener: true })));
    const again = processes.map((platform) => tenantOf(platform, 'acme'));
    await again[0]?.recordErrors('1', 50, 50, clock.now());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await again[0]?.listAlerts()).toMatchObject([{ name: pending.name, state: AlertState.PENDING }]);
    clock.advance(60_000);
    const fired = await eventually(async () => (await again[1]?.listAlerts())?.find(({ state }) => state === AlertState.FIRING));
    expect(fired.name).toBe(pending.name);
    expect(fired.pendingTime && timestampDate(fired.pendingTime)).toEqual(pending.pendingTime && timestampDate(pending.pendingTime));
    for (let round = 0; round < 5; round += 1) await again[round % 2]?.recordErrors('1', 50, 50, clock.now());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await again[0]?.listAlerts()).toHaveLength(1);
    expect(receivedEvents('acme').filter(({ type, key }) => type.endsWith('AlertFired') && key === fired.name)).toHaveLength(1);
    for (const platform of processes) await platform.stop();
    await first.stop();
  });
});
