import { alertLabels, alertRule, completeMonitor, readsOtherData, type DraftMonitor, type MonitorSettings } from './monitor.js';

const settings: MonitorSettings = {
  displayName: 'Errors',
  target: 'tenants/acme/models/digits',
  metric: 'prediction_errors',
  matchers: [{ label: 'model', isEqual: true, value: 'digits' }],
  groupBy: ['version'],
  aggregation: 'AVERAGE',
  windowMs: 60_000,
  comparison: 'GREATER',
  warning: 0.1,
  critical: 0.3,
  clear: 0.05,
  pendingMs: 0,
  keepFiringMs: 0,
  minimumSamples: 20,
  noData: 'KEEP',
  intervalMs: 5_000,
  labels: { team: 'vision' },
};
const complete = (changes: Partial<DraftMonitor>) => () => completeMonitor({ ...settings, ...changes }, 'acme');

describe('completeMonitor', () => {
  it('takes settings that fit', () => {
    expect(complete({})()).toEqual(settings);
    expect(complete({ comparison: 'LESS_OR_EQUAL', warning: 0.9, critical: 0.5, clear: 0.95 })()).toMatchObject({
      comparison: 'LESS_OR_EQUAL',
    });
    expect(complete({ warning: null, clear: 0.3 })()).toMatchObject({ warning: null, clear: 0.3 });
  });

  it('names everything that is missing at once', () => {
    const draft = { target: '', metric: '', aggregation: undefined, windowMs: undefined, comparison: undefined };
    expect(complete(draft)).toThrow(
      'monitor.target: must be set; monitor.metric: must be set; monitor.aggregation: must be set; monitor.window: must be set; monitor.comparison: must be set',
    );
  });

  it('refuses a target of another tenant, also one whose name begins alike', () => {
    expect(complete({ target: 'tenants/other/models/digits' })).toThrow(/monitor.target: must be a resource of tenants\/acme/);
    expect(complete({ target: 'tenants/acme2/models/digits' })).toThrow(/monitor.target/);
  });

  it('needs a threshold', () => {
    expect(complete({ warning: null, critical: null })).toThrow(/monitor.warning_threshold: must be set where critical_threshold is not/);
  });

  it('needs the critical threshold beyond the warning one', () => {
    expect(complete({ critical: 0.1 })).toThrow(/monitor.critical_threshold: must be above warning_threshold 0.1, got 0.1/);
    expect(complete({ comparison: 'LESS', warning: 0.5, critical: 0.6, clear: null })).toThrow(/must be below warning_threshold/);
  });

  it('needs the clear threshold on the good side', () => {
    expect(complete({ clear: 0.2 })).toThrow(/monitor.clear_threshold: must not be above the first threshold 0.1, got 0.2/);
    expect(complete({ comparison: 'LESS', warning: 0.5, critical: 0.4, clear: 0.45 })).toThrow(/must not be below the first threshold 0.5/);
  });
});

describe('readsOtherData', () => {
  it('is about target, metric, matchers and grouping, and not about thresholds', () => {
    expect(readsOtherData(settings, { ...settings, warning: 0.2, windowMs: 1_000 })).toBe(false);
    expect(readsOtherData(settings, { ...settings, matchers: [{ value: 'digits', label: 'model', isEqual: true }] })).toBe(false);
    expect(readsOtherData(settings, { ...settings, matchers: [{ value: 'churn', label: 'model', isEqual: true }] })).toBe(true);
    expect(readsOtherData(settings, { ...settings, groupBy: [] })).toBe(true);
    expect(readsOtherData(settings, { ...settings, metric: 'latency_ms' })).toBe(true);
  });
});

describe('alertLabels', () => {
  it('holds what is matched exactly and grouped by over what the monitor adds', () => {
    const matchers = [...settings.matchers, { label: 'region', isEqual: false, value: 'eu' }, { label: 'empty', isEqual: true, value: '' }];
    const labels = alertLabels({ labels: { team: 'vision', model: 'x', version: 'y' }, matchers }, { version: '1.2.0' });
    expect(labels).toEqual({ team: 'vision', model: 'digits', version: '1.2.0' });
  });
});

describe('alertRule', () => {
  it('leaves out thresholds that are not set', () => {
    expect(alertRule({ ...settings, warning: null, clear: null })).toMatchObject({ warning: undefined, critical: 0.3, clear: undefined });
    expect(alertRule({ ...settings, critical: null })).toMatchObject({ warning: 0.1, critical: undefined, clear: 0.05 });
  });
});
