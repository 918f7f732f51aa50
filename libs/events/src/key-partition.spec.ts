import fc from 'fast-check';
import { partitionOf } from './key-partition.js';

describe('partitionOf', () => {
  it('always names a partition that exists, and the same one again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        const partition = partitionOf(key, partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
        expect(partitionOf(key, partitions)).toBe(partition);
      }),
    );
  });

  it('keeps the partitions that stored events were given', () => {
    const keys = ['', 'tenants/acme', 'tenants/acme/models/churn', 'tenants/ümläut'];
    expect(keys.map((key) => partitionOf(key, 8))).toEqual([3, 7, 5, 5]);
  });

  it('spreads similar keys evenly', () => {
    const counts = new Array<number>(8).fill(0);
    for (let n = 0; n < 8_000; n += 1) {
      const partition = partitionOf(`tenants/acme/models/m-${String(n)}`, 8);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
});
