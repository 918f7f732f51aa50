import { Metrics } from './metrics.js';

describe('Metrics', () => {
  it('lets the services of one process add to the same name', async () => {
    const metrics = new Metrics();
    const metric = { name: 'q2_rows', help: 'Rows', labelNames: ['service'] };
    metrics.gauges(metric, () => [{ labels: { service: 'one' }, value: 1 }]);
    metrics.gauges(metric, () => Promise.resolve([{ labels: { service: 'two' }, value: 2 }]));
    const text = await metrics.registry.metrics();
    expect(text).toContain('q2_rows{service="one"} 1\nq2_rows{service="two"} 2\n');
  });

  it('forgets what is no longer there', async () => {
    const metrics = new Metrics();
    let states = ['RUNNING', 'PAUSED'];
    metrics.gauges({ name: 'q2_things', help: 'Things', labelNames: ['state'] }, () =>
      states.map((state) => ({ labels: { state }, value: 1 })),
    );
    expect(await metrics.registry.metrics()).toContain('q2_things{state="PAUSED"} 1');
    states = ['RUNNING'];
    expect(await metrics.registry.metrics()).not.toContain('PAUSED');
  });

  it('shows what it can when a reading fails, and counts that', async () => {
    const metrics = new Metrics();
    metrics.gauge('q2_known', 'Known', () => 7);
    metrics.gauge('q2_unknown', 'Unknown', () => Promise.reject(new Error('the database is away')));
    await metrics.registry.metrics();
    const text = await metrics.registry.metrics();
    expect(text).toContain('q2_known 7');
    expect(text).not.toMatch(/^q2_unknown /m);
    expect(text).toContain('q2_metrics_readings_failed_total{metric="q2_unknown"}');
  });

  it('does not wait for ever for one of them', async () => {
    const metrics = new Metrics();
    metrics.gauge('q2_known', 'Known', () => 7);
    metrics.gauge('q2_stuck', 'Stuck', () => new Promise<number>(() => undefined));
    const text = await metrics.registry.metrics();
    expect(text).toContain('q2_known 7');
    expect(text).not.toMatch(/^q2_stuck /m);
  });
});
