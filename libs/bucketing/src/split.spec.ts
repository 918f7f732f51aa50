import fc from 'fast-check';
import { bucketRanges, chooseVariation, hash, prepareSplit } from './index.js';

const weights = fc
  .array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 8 })
  .map((cuts) => [0, ...cuts.toSorted((a, b) => a - b), 10_000])
  .map((edges) => edges.slice(1).map((edge, index) => edge - (edges[index] ?? 0)));

describe('prepareSplit', () => {
  it('assigns as the specification does, unit by unit', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 10_000 }), fc.string(), fc.string(), (parts, allocation, seed, unit) => {
        const ranges = bucketRanges(
          parts.length,
          allocation / 10_000,
          parts.map((part) => part / 10_000),
        );
        const split = prepareSplit({ seed, weightsBasisPoints: parts, allocationBasisPoints: allocation });
        expect(split(unit)).toBe(chooseVariation(hash(seed, unit, 2), ranges));
      }),
    );
  });

  it('never moves a unit between variants when the allocation grows', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 10_000 }), fc.string(), (parts, a, b, unit) => {
        const at = (allocationBasisPoints: number) => prepareSplit({ seed: 's', weightsBasisPoints: parts, allocationBasisPoints })(unit);
        const before = at(Math.min(a, b));
        if (before !== -1) expect(at(Math.max(a, b))).toBe(before);
      }),
    );
  });

  it('gives each variant its weight', () => {
    const split = prepareSplit({ seed: 'shares', weightsBasisPoints: [1000, 2000, 7000] });
    const counts = [0, 0, 0];
    for (let unit = 0; unit < 100_000; unit++) counts[split(`unit-${unit}`)] = (counts[split(`unit-${unit}`)] ?? 0) + 1;
    expect(counts.map((count) => Math.round(count / 1000))).toEqual([10, 20, 70]);
  });

  it('splits the same units independently under another seed', () => {
    const one = prepareSplit({ seed: 'one', weightsBasisPoints: [5000, 5000] });
    const two = prepareSplit({ seed: 'two', weightsBasisPoints: [5000, 5000] });
    let agreeing = 0;
    for (let unit = 0; unit < 100_000; unit++) agreeing += one(`unit-${unit}`) === two(`unit-${unit}`) ? 1 : 0;
    expect(Math.abs(agreeing - 50_000)).toBeLessThan(1000);
  });

  it('gives a variant of weight zero to nobody', () => {
    const split = prepareSplit({ seed: 's', weightsBasisPoints: [0, 10_000, 0] });
    expect(new Set(Array.from({ length: 5000 }, (_, unit) => split(String(unit))))).toEqual(new Set([1]));
  });

  it.each([
    [[5000, 4000], 'must sum to 10000, got 9000'],
    [[], 'must sum to 10000, got 0'],
    [[10_001, -1], 'weightsBasisPoints[0]: must be a whole number from 0 to 10000, got 10001'],
    [[0.5, 9999.5], 'got 0.5'],
    [[Number.NaN, 10_000], 'got NaN'],
  ])('refuses the weights %j', (weightsBasisPoints, message) => {
    expect(() => prepareSplit({ seed: '', weightsBasisPoints })).toThrow(message);
  });

  it('refuses an allocation out of range', () => {
    expect(() => prepareSplit({ seed: '', weightsBasisPoints: [10_000], allocationBasisPoints: -1 })).toThrow('allocationBasisPoints');
  });
});
