import { randomUUID } from 'node:crypto';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { monitoring } from '@q2/contracts';
import type { TestPlatform } from '@q2/testing';
import { errorRate, eventually, startMonitoring, tenantOf } from '../monitoring.testing.js';

const { AlertState } = monitoring;

describe('monitors', () => {
  let platform: TestPlatform;
  let acme: ReturnType<typeof tenantOf>;

  beforeAll(async () => {
    platform = await startMonitoring();
    acme = tenantOf(platform, 'acme');
  });
  afterAll(() => platform.stop());

  it('are created with defaults, and read as they were written', async () => {
    const created = await acme.watchErrors({ displayName: 'Error rate', clearThreshold: 0.05, labels: { team: 'vision' } }, 'written');
    const { evaluateTime: _, ...read } = await acme.monitors.getMonitor({ name: created.name });
    expect(created).toMatchObject(read);
    expect(created).toMatchObject({
      name: 'tenants/acme/monitors/written',
      groupBy: ['version'],
      matchers: [{ label: 'model', value: 'digits', operator: monitoring.LabelMatcher_Operator.EQUAL }],
      noDataPolicy: monitoring.NoDataPolicy.KEEP,
      clearThreshold: 0.05,
      etag: '1',
    });
  });

  it('get an id and an interval of five seconds where none are given', async () => {
    const { evaluationInterval: _, ...rest } = errorRate('acme');
    const made = await acme.monitors.createMonitor({ parent: acme.parent, monitor: rest });
    expect(made.name).toMatch(/^tenants\/acme\/monitors\/m-[0-9a-f-]{36}$/);
    expect(made.evaluationInterval && durationMs(made.evaluationInterval)).toBe(5_000);
  });

  it('are created once, also where the request comes again', async () => {
    const request = { parent: acme.parent, monitorId: 'once', monitor: errorRate('acme'), requestId: randomUUID() };
    const [first, second] = await Promise.all([acme.monitors.createMonitor(request), acme.monitors.createMonitor(request)]);
    expect(second).toEqual(first);
    await expect(acme.monitors.createMonitor({ ...request, requestId: randomUUID() })).rejects.toMatchObject({
      kind: 'ALREADY_EXISTS',
      reason: 'MONITOR_EXISTS',
    });
  });

  it('are refused where fields are missing or do not fit, each named', async () => {
    const create = (monitor: object) => acme.monitors.createMonitor({ parent: acme.parent, monitorId: 'bad', monitor });
    await expect(create({ warningThreshold: 1 })).rejects.toMatchObject({
      violations: ['target', 'metric', 'aggregation', 'window', 'comparison'].map((field) => ({ field: `monitor.${field}` })),
    });
    await expect(create({ ...errorRate('other') })).rejects.toMatchObject({ violations: [{ field: 'monitor.target' }] });
    await expect(create({ ...errorRate('acme'), criticalThreshold: 0.05 })).rejects.toMatchObject({
      violations: [{ field: 'monitor.critical_threshold' }],
    });
    await expect(create({ ...errorRate('acme'), evaluationInterval: { seconds: 0n } })).rejects.toMatchObject({
      violations: [{ field: 'monitor.evaluation_interval' }],
    });
    await expect(create({ ...errorRate('acme'), warningThreshold: Number.NaN })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(acme.monitors.createMonitor({ parent: acme.parent })).rejects.toMatchObject({ violations: [{ field: 'monitor' }] });
  });

  it('change by mask, and only as they were read where an etag is given', async () => {
    const { name, etag } = await acme.watchErrors({}, 'changing');
    const changed = await acme.monitors.updateMonitor({
      name,
      monitor: { criticalThreshold: 0.5, etag },
      updateMask: { paths: ['critical_threshold'] },
    });
    expect(changed).toMatchObject({ criticalThreshold: 0.5, warningThreshold: 0.1, etag: '2' });
    await expect(acme.monitors.updateMonitor({ name, monitor: { criticalThreshold: 0.6, etag } })).rejects.toMatchObject({
      kind: 'ABORTED',
      reason: 'MONITOR_CHANGED',
    });
    const withoutWarning = await acme.monitors.updateMonitor({ name, monitor: {}, updateMask: { paths: ['warning_threshold'] } });
    expect(withoutWarning.warningThreshold).toBeUndefined();
    await expect(acme.monitors.updateMonitor({ name, monitor: {}, updateMask: { paths: ['critical_threshold'] } })).rejects.toMatchObject({
      violations: [{ field: 'monitor.warning_threshold' }],
    });
    await expect(acme.monitors.updateMonitor({ name, monitor: {}, updateMask: { paths: ['name'] } })).rejects.toMatchObject({
      violations: [{ field: 'update_mask' }],
    });
    await expect(acme.monitors.updateMonitor({ name: `${acme.parent}/monitors/none`, monitor: {} })).rejects.toMatchObject({
      kind: 'NOT_FOUND',
    });
  });

  it('are listed by name, by target, page by page', async () => {
    const listed = tenantOf(platform, 'listed');
    for (const id of ['b', 'a', 'c-1', 'c0']) await listed.watchErrors({}, id);
    await listed.watchErrors({ target: 'tenants/listed/models/other' }, 'd');
    const request = { parent: listed.parent, pageSize: 3, target: 'tenants/listed/models/digits' };
    const first = await listed.monitors.listMonitors(request);
    const second = await listed.monitors.listMonitors({ ...request, pageToken: first.nextPageToken });
    expect([...first.monitors, ...second.monitors].map(({ name }) => name.split('/').at(-1))).toEqual(['a', 'b', 'c-1', 'c0']);
    expect(second.nextPageToken).toBe('');
  });

  it('end their alerts when they are deleted, or watch something else', async () => {
    const ending = tenantOf(platform, 'ending');
    const monitors = await Promise.all(['deleted', 'changed', 'kept'].map((id) => ending.watchErrors({}, id)));
    await ending.recordErrors('1', 50, 50, new Date());
    await eventually(async () =>
      (await ending.listAlerts()).filter(({ state }) => state === AlertState.FIRING).length === 3 ? true : undefined,
    );
    const [deleted = '', changed = '', kept = ''] = monitors.map(({ name }) => name);
    await ending.monitors.deleteMonitor({ name: deleted });
    await ending.monitors.updateMonitor({ name: changed, monitor: { metric: 'other_errors' } });
    await ending.monitors.updateMonitor({ name: kept, monitor: { criticalThreshold: 0.9 } });
    const states = new Map((await ending.listAlerts()).map(({ monitor, state, comment }) => [monitor, [state, comment]]));
    expect(states.get(deleted)).toEqual([AlertState.RESOLVED, 'the monitor was deleted']);
    expect(states.get(changed)).toEqual([AlertState.RESOLVED, 'the monitor changed']);
    expect(states.get(kept)).toEqual([AlertState.FIRING, '']);
    await expect(ending.monitors.getMonitor({ name: deleted })).rejects.toMatchObject({ kind: 'NOT_FOUND', reason: 'MONITOR_NOT_FOUND' });
    await expect(ending.monitors.deleteMonitor({ name: kept, etag: '1' })).rejects.toMatchObject({ kind: 'ABORTED' });
  });

  it('start over what was pending when they change', async () => {
    const pending = tenantOf(platform, 'pending');
    const { name } = await pending.watchErrors({ pendingDuration: { seconds: 3600n }, evaluationInterval: { seconds: 3600n } });
    await pending.recordErrors('1', 50, 50, new Date());
    const before = await eventually(async () => (await pending.listAlerts())[0]);
    await pending.monitors.updateMonitor({ name, monitor: { warningThreshold: 0.2 } });
    const after = await eventually(async () => (await pending.listAlerts()).find((alert) => alert.name !== before.name));
    expect(after.state).toBe(AlertState.PENDING);
  });

  it('belong to their tenant alone, and are changed by editors alone', async () => {
    const { name } = await acme.watchErrors({}, 'mine');
    const other = tenantOf(platform, 'other', ['admin']);
    await expect(other.monitors.getMonitor({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    await expect(other.monitors.getMonitor({ name: name.replace('acme', 'other') })).rejects.toMatchObject({ kind: 'NOT_FOUND' });
    expect((await other.monitors.listMonitors({ parent: other.parent })).monitors).toEqual([]);
    const viewer = tenantOf(platform, 'acme', ['viewer']);
    expect((await viewer.monitors.getMonitor({ name })).name).toBe(name);
    await expect(viewer.monitors.deleteMonitor({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    await expect(viewer.watchErrors({}, 'theirs')).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
  });
});
