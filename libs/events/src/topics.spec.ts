import { eventTopics } from '@q2/contracts';
import { declareTopics, ingressTopics } from './topics.js';

const dayMs = 86_400_000;

describe('declareTopics', () => {
  it('declares each topic, and the one for its dead letters', () => {
    expect(declareTopics(['q2.models.events.v1'])).toEqual([
      { name: 'q2.models.events.v1', partitions: 8, retentionMs: 7 * dayMs },
      { name: 'q2.models.events.v1.dlq', partitions: 1, retentionMs: 30 * dayMs },
    ]);
  });

  it('takes partitions and retention from the installation; dead letters are never kept for less', () => {
    expect(declareTopics(['t'], { partitions: 3, retentionMs: 90 * dayMs })).toEqual([
      { name: 't', partitions: 3, retentionMs: 90 * dayMs },
      { name: 't.dlq', partitions: 1, retentionMs: 90 * dayMs },
    ]);
  });

  it('has each name of the platform once', () => {
    const names = declareTopics([...eventTopics, ...ingressTopics]).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('q2.tenants.events.v1');
    expect(names).toContain('q2.ingress.metrics.v1.dlq');
  });
});
