import fc from 'fast-check';
import { randomOf, uuidOf } from './random.js';

describe('randomOf', () => {
  it('repeats itself for a seed, and differs between seeds', () => {
    const numbers = (seed: number) => {
      const random = randomOf(seed);
      return Array.from({ length: 20 }, () => random.between(0, 1_000_000));
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  it('stays within its bounds, whatever they are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1_000, max: 1_000 }), fc.nat(1_000), (seed, least, width) => {
        const drawn = randomOf(seed).between(least, least + width);
        expect(drawn).toBeGreaterThanOrEqual(least);
        expect(drawn).toBeLessThanOrEqual(least + width);
      }),
    );
  });

  it('picks each of several, and shuffles without losing any', () => {
    const random = randomOf(1);
    expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
    expect(random.shuffled([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('uuidOf', () => {
  it('is a UUID, the same for the same words only', () => {
    expect(uuidOf('a', 1)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidOf('a', 1)).toBe(uuidOf('a', 1));
    expect(uuidOf('a', 1)).not.toBe(uuidOf('a1'));
  });
});
