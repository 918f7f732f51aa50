import { timestampDate } from '@bufbuild/protobuf/wkt';
import { monitoring } from '@q2/contracts';
import type { TestPlatform } from '@q2/testing';
import { HandClock, startMonitoring, tenantOf } from '../monitoring.testing.js';
import { Claims, leaseMs } from './claims.service.js';
import { EvaluationLoop } from './evaluation-loop.job.js';
import { Evaluator } from './evaluator.service.js';

const { AlertState, Severity } = monitoring;

/** The loop is stopped, so that a test makes each step itself. */
describe('evaluation', () => {
  const clock = new HandClock();
  let platform: TestPlatform;
  let claims: Claims;
  let evaluator: Evaluator;

  beforeAll(async () => {
    platform = await startMonitoring({ clock, environment: { MONITORING_MAX_POINTS_READ: '1000' } });
    await platform.get(EvaluationLoop).beforeApplicationShutdown();
    claims = platform.get(Claims);
    evaluator = platform.get(Evaluator);
  });
  afterAll(() => platform.stop());

  /** Evaluates what is due of one tenant. */
  const evaluateDue = async (tenant: string) => {
    const claimed = await claims.claimDue(clock.now(), 1_000);
    for (const claim of claimed.filter((candidate) => candidate.tenant === tenant)) await evaluator.evaluate(claim);
  };
  const monitorOf = (tenant: ReturnType<typeof tenantOf>) => tenant.monitors.getMonitor({ name: `${tenant.parent}/monitors/errors` });

  it('gives a monitor to one evaluator at a time, and to another once the lease ran out', async () => {
    const acme = tenantOf(platform, 'acme');
    await acme.watchErrors();
    const [lost, ...others] = await claims.claimDue(clock.now(), 1_000);
    expect(lost).toMatchObject({ tenant: 'acme', monitor: 'errors' });
    expect(others).toEqual([]);
    clock.advance(leaseMs - 1_000);
    expect(await claims.claimDue(clock.now(), 1_000)).toEqual([]);
    clock.advance(2_000);
    const [taken] = await claims.claimDue(clock.now(), 1_000);
    await acme.recordErrors('1', 50, 50, clock.now());
    if (lost) await evaluator.evaluate(lost);
    expect((await monitorOf(acme)).evaluateTime).toBeUndefined();
    expect(await acme.listAlerts()).toEqual([]);
    if (taken) await evaluator.evaluate(taken);
    expect((await monitorOf(acme)).evaluateTime).toBeDefined();
    expect(await acme.listAlerts()).toHaveLength(1);
  });

  it('gives each of many due monitors to one of many claimers', async () => {
    const crowd = tenantOf(platform, 'crowd');
    for (let index = 0; index < 12; index += 1) await crowd.watchErrors({}, `m${index}`);
    const claimed = await Promise.all(Array.from({ length: 6 }, () => claims.claimDue(clock.now(), 4)));
    const names = claimed.flat().filter(({ tenant }) => tenant === 'crowd');
    expect(new Set(names.map(({ monitor }) => monitor)).size).toBe(names.length);
    for (const claim of names) await evaluator.evaluate(claim);
    await evaluateDue('crowd');
    const { monitors } = await crowd.monitors.listMonitors({ parent: crowd.parent });
    expect(monitors.filter(({ evaluateTime }) => evaluateTime)).toHaveLength(12);
  });

  it('is due again at its interval, and earlier for new points of its metric but not too soon', async () => {
    const timed = tenantOf(platform, 'timed');
    await timed.watchErrors({ evaluationInterval: { seconds: 60n } });
    await evaluateDue('timed');
    const isDue = async () => (await claims.claimDue(clock.now(), 1_000)).some(({ tenant }) => tenant === 'timed');
    expect(await isDue()).toBe(false);
    await claims.hasten('timed', ['other_metric'], clock.now());
    clock.advance(600);
    expect(await isDue()).toBe(false);
    await claims.hasten('timed', ['prediction_errors'], clock.now());
    expect(await isDue()).toBe(true);
  });

  it('does nothing about a monitor that was deleted while it was claimed', async () => {
    const gone = tenantOf(platform, 'gone');
    await gone.watchErrors();
    const claimed = await claims.claimDue(clock.now(), 1_000);
    await gone.monitors.deleteMonitor({ name: `${gone.parent}/monitors/errors` });
    for (const claim of claimed) await evaluator.evaluate(claim);
    expect(await gone.listAlerts()).toEqual([]);
  });

  it('says on the monitor why it could not be evaluated, and goes on once it can', async () => {
    const broken = tenantOf(platform, 'broken');
    await broken.watchErrors();
    await broken.recordErrors('1.0.0', 1_001, 1_001, clock.now());
    await evaluateDue('broken');
    expect((await monitorOf(broken)).evaluateError).toContain('more than 1000 points');
    expect(await broken.listAlerts()).toEqual([]);
    const monitor = { matchers: [{ label: 'version', value: '2.0.0' }] };
    await broken.monitors.updateMonitor({ name: `${broken.parent}/monitors/errors`, monitor });
    await evaluateDue('broken');
    expect((await monitorOf(broken)).evaluateError).toBe('');
  });

  it('keeps an alert firing without data, and drops a pending one that recovers without a trace', async () => {
    const quiet = tenantOf(platform, 'quiet');
    await quiet.watchErrors({ pendingDuration: { seconds: 10n }, keepFiringDuration: { seconds: 10n } });
    const step = async (version: string, errors: number) => {
      clock.advance(10_000);
      await quiet.recordErrors(version, 50, errors, clock.now());
      await evaluateDue('quiet');
      return (await quiet.listAlerts()).map(({ state, labels }) => [labels['version'], state]);
    };
    expect(await step('1', 50)).toEqual([['1', AlertState.PENDING]]);
    expect(await step('1', 50)).toEqual([['1', AlertState.FIRING]]);
    expect(await step('2', 50)).toEqual([
      ['2', AlertState.PENDING],
      ['1', AlertState.FIRING],
    ]);
    clock.advance(3_600_000);
    expect(await step('2', 0)).toEqual([['1', AlertState.FIRING]]);
    expect(await step('1', 0)).toEqual([['1', AlertState.FIRING]]);
    clock.advance(3_600_000);
    expect(await step('2', 0)).toEqual([['1', AlertState.FIRING]]);
    expect(await step('1', 0)).toEqual([['1', AlertState.RESOLVED]]);
  });

  it('lowers the severity in place after the keep-firing time', async () => {
    const falling = tenantOf(platform, 'falling');
    await falling.watchErrors({ window: { seconds: 30n }, keepFiringDuration: { seconds: 60n } });
    const step = async (errors: number) => {
      clock.advance(62_000);
      await falling.recordErrors('1', 50, errors, clock.now());
      await evaluateDue('falling');
      return (await falling.listAlerts())[0];
    };
    const critical = await step(50);
    expect(critical?.severity).toBe(Severity.CRITICAL);
    expect(await step(10)).toMatchObject({ severity: Severity.CRITICAL, threshold: 0.3, state: AlertState.FIRING });
    const lowered = await step(10);
    expect(lowered).toMatchObject({ name: critical?.name, severity: Severity.WARNING, state: AlertState.FIRING, threshold: 0.1 });
    expect(lowered?.startTime && timestampDate(lowered.startTime)).toEqual(critical?.startTime && timestampDate(critical.startTime));
  });

  it('tells of missing data where the monitor says so', async () => {
    const silent = tenantOf(platform, 'silent');
    await silent.watchErrors({ groupBy: [], noDataPolicy: monitoring.NoDataPolicy.ALERT });
    await evaluateDue('silent');
    const [alert] = await silent.listAlerts();
    expect(alert).toMatchObject({ state: AlertState.FIRING, severity: Severity.WARNING, points: 0n });
    expect(alert?.value).toBeUndefined();
    expect(alert?.summary).toBe('average of prediction_errors{model=digits} over 60 s has 0 points of the 10 needed');
  });

  it('reads a rate by the seconds of the window', async () => {
    const rated = tenantOf(platform, 'rated');
    await rated.watchErrors({ groupBy: [], aggregation: monitoring.Aggregation.RATE, window: { seconds: 10n }, minimumSamples: 1 });
    await rated.recordErrors('1', 20, 20, clock.now());
    await evaluateDue('rated');
    expect((await rated.listAlerts())[0]?.value).toBeCloseTo(2);
  });

  it('judges a hundred groups of a monitor at most', async () => {
    const wide = tenantOf(platform, 'wide');
    await wide.watchErrors({ minimumSamples: 1, evaluationInterval: { seconds: 3600n } });
    const points = Array.from({ length: 120 }, (_, index) => ({
      metric: 'prediction_errors',
      labels: { model: 'digits', version: `v${index}` },
      value: 1,
    }));
    await wide.record(points);
    await evaluateDue('wide');
    expect((await wide.alerts.listAlerts({ parent: wide.parent, pageSize: 1_000 })).alerts).toHaveLength(100);
  });
});
