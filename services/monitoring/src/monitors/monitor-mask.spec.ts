import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { monitoring } from '@q2/contracts';
import { applyMask } from './monitor-mask.js';

const monitor = (fields: MessageInitShape<typeof monitoring.MonitorSchema>) => create(monitoring.MonitorSchema, fields);
const before = monitor({
  name: 'tenants/acme/monitors/errors',
  metric: 'errors',
  warningThreshold: 0.1,
  criticalThreshold: 0.3,
  labels: { team: 'a' },
  matchers: [{ label: 'model', value: 'digits' }],
  etag: '3',
});

describe('applyMask', () => {
  it('changes the fields named and no other', () => {
    const after = applyMask(before, monitor({ criticalThreshold: 0.5, metric: 'latency_ms' }), ['critical_threshold']);
    expect(after).toEqual(monitor({ ...before, criticalThreshold: 0.5 }));
  });

  it('empties fields that are named and have no value', () => {
    const after = applyMask(before, monitor({}), ['critical_threshold', 'labels', 'matchers']);
    expect(after.criticalThreshold).toBeUndefined();
    expect(after).toMatchObject({ labels: {}, matchers: [], warningThreshold: 0.1 });
  });

  it('changes what has a value where there is no mask', () => {
    const after = applyMask(before, monitor({ labels: { team: 'b' }, matchers: [{ label: 'model', value: 'churn' }] }), []);
    expect(after).toMatchObject({ labels: { team: 'b' }, matchers: [{ value: 'churn' }], metric: 'errors', criticalThreshold: 0.3 });
  });

  it('replaces everything that can change with *', () => {
    const after = applyMask(before, monitor({ metric: 'latency_ms', name: 'other', etag: '9' }), ['*']);
    expect(after).toEqual(monitor({ name: before.name, etag: '3', metric: 'latency_ms' }));
  });

  it('refuses fields that are unknown or cannot change', () => {
    expect(() => applyMask(before, before, ['name'])).toThrow(/update_mask: must name fields among .*got 'name'/);
    expect(() => applyMask(before, before, ['metric.x'])).toThrow(/got 'metric.x'/);
  });
});
