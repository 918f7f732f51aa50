import fc from 'fast-check';
import { continuedFraction } from './continued-fraction.js';
import {
  addValue,
  chiSquareLogSurvival,
  chiSquareSurvival,
  chiSquareUpperQuantile,
  compareProportions,
  confidenceSequence,
  fisherLogPValue,
  meanInterval,
  mergeMoments,
  momentsOf,
  NO_VALUES,
  normalLogSurvival,
  normalSurvival,
  normalUpperQuantile,
  proportionMoments,
  proportionsZ,
  relativeLift,
  sampleRatio,
  sequenceLogPValue,
  studentLogSurvival,
  studentSurvival,
  studentUpperQuantile,
  variance,
  welchT,
} from './index.js';

const anyCount = fc.integer({ min: 1, max: 3000 });
const proportion = anyCount.chain((count) => fc.record({ successes: fc.integer({ min: 0, max: count }), count: fc.constant(count) }));

describe('distributions', () => {
  it('have two tails that sum to one', () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 6, noNaN: true }), fc.double({ min: 0.5, max: 1e4, noNaN: true }), (t, df) => {
        expect(studentSurvival(t, df) + studentSurvival(-t, df)).toBeCloseTo(1, 12);
        expect(normalSurvival(t) + normalSurvival(-t)).toBeCloseTo(1, 12);
      }),
    );
  });

  it('are inverted by their quantiles', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 0.999, noNaN: true }), fc.double({ min: 1, max: 1e4, noNaN: true }), (tail, df) => {
        expect(chiSquareSurvival(chiSquareUpperQuantile(tail, df), df) / tail).toBeCloseTo(1, 9);
        expect(studentSurvival(studentUpperQuantile(tail, df), df) / tail).toBeCloseTo(1, 9);
      }),
    );
  });

  it('know their ends', () => {
    expect(normalLogSurvival(Infinity)).toBe(-Infinity);
    expect(normalSurvival(-Infinity)).toBe(1);
    expect(studentLogSurvival(Infinity, 3)).toBe(-Infinity);
    expect(studentSurvival(0, 3)).toBeCloseTo(0.5, 15);
    expect(chiSquareLogSurvival(0, 3)).toBe(0);
    expect(normalUpperQuantile(0.5)).toBe(0);
    expect(studentUpperQuantile(0.5, 9)).toBe(0);
  });

  it('keep logarithms where probabilities underflow', () => {
    expect(normalSurvival(60)).toBe(0);
    expect(normalLogSurvival(60)).toBeCloseTo(-1805.0135, 3);
  });

  it('say so where a continued fraction does not settle', () => {
    expect(() => continuedFraction(0, () => ({ numerator: -1, denominator: 1 }))).toThrow('did not settle within 10000000 terms');
  });

  it('refuse what is no number', () => {
    expect(() => normalLogSurvival(Number.NaN)).toThrow('z: must be a number, got NaN');
    expect(() => studentLogSurvival(1, 0)).toThrow('df: must be a finite number above 0, got 0');
    expect(() => chiSquareLogSurvival(-1, 2)).toThrow('x: must be 0 or more, got -1');
    expect(() => normalUpperQuantile(1)).toThrow('tail: must lie between 0 and 1, got 1');
  });
});

describe('moments', () => {
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 50 });

  it('are the same whether values come one by one or samples are merged', () => {
    fc.assert(
      fc.property(values, fc.nat(50), (sample, cut) => {
        const whole = momentsOf(sample);
        const merged = mergeMoments(momentsOf(sample.slice(0, cut)), momentsOf(sample.slice(cut)));
        expect(merged.count).toBe(whole.count);
        expect(Math.abs(merged.mean - whole.mean)).toBeLessThanOrEqual(1e-8);
        expect(Math.abs(variance(merged) - variance(whole))).toBeLessThanOrEqual(1e-9 * (1 + 1e12 / sample.length));
      }),
    );
  });

  it('of zeros and ones follow from the counts', () => {
    const counted = proportionMoments(3, 10);
    const added = momentsOf([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(counted.mean).toBeCloseTo(added.mean, 15);
    expect(counted.squaredDeviations).toBeCloseTo(added.squaredDeviations, 12);
    expect(proportionMoments(0, 0)).toEqual(NO_VALUES);
  });

  it('have no variance below two values', () => {
    expect(() => variance(addValue(NO_VALUES, 3))).toThrow('a variance needs two values or more, got 1');
  });
});

describe('compareProportions', () => {
  it('finds 0 of 100 against 10 of 100', () => {
    const result = compareProportions({ successes: 0, count: 100 }, { successes: 10, count: 100 }, 0.05);
    expect(result).toMatchObject({ method: 'FISHER_EXACT', statistic: undefined, difference: -0.1 });
    expect(result.pValue).toBeCloseTo(0.00154205, 8);
    expect(result.interval.upper).toBeLessThan(0);
  });

  it('sees no difference between 0 of 100 and 0 of 100, and still has an interval', () => {
    const result = compareProportions({ successes: 0, count: 100 }, { successes: 0, count: 100 }, 0.05);
    expect(result.pValue).toBe(1);
    expect(result.interval.upper).toBeGreaterThan(0.01);
    expect(result.interval.lower).toBeLessThan(-0.01);
  });

  it('uses z where counts allow', () => {
    expect(compareProportions({ successes: 20, count: 100 }, { successes: 30, count: 100 }, 0.05).method).toBe('PROPORTIONS_Z');
  });

  it('never gives a NaN, and is symmetric, at any counts', () => {
    fc.assert(
      fc.property(proportion, proportion, (first, second) => {
        const [one, other] = [compareProportions(first, second, 0.05), compareProportions(second, first, 0.05)];
        expect(one.pValue).toBeGreaterThanOrEqual(0);
        expect(one.pValue).toBeLessThanOrEqual(1);
        expect(one.interval.lower).toBeLessThanOrEqual(one.difference);
        expect(one.interval.upper).toBeGreaterThanOrEqual(one.difference);
        expect(one.logPValue).toBeCloseTo(other.logPValue, 9);
        expect(one.interval.lower).toBeCloseTo(-other.interval.upper, 12);
      }),
    );
  });

  it('refuses counts that are none', () => {
    expect(() => compareProportions({ successes: 3, count: 2 }, { successes: 0, count: 1 }, 0.05)).toThrow('got 3 of 2');
    expect(() => compareProportions({ successes: 0, count: 0 }, { successes: 0, count: 1 }, 0.05)).toThrow('got 0 of 0');
    expect(() => compareProportions({ successes: 0.5, count: 1 }, { successes: 0, count: 1 }, 0.05)).toThrow('first.successes');
  });

  it('states that z is undefined where nothing varies', () => {
    expect(() => proportionsZ({ successes: 0, count: 9 }, { successes: 0, count: 9 }, 0.05)).toThrow('neither sample varies');
  });

  it('refuses tables too large to sum', () => {
    expect(() => fisherLogPValue({ successes: [2e7, 2e7], failures: [2e7, 2e7] })).toThrow('at most 10000000 can be summed');
  });
});

describe('means', () => {
  it('compare where only one sample varies', () => {
    expect(welchT(momentsOf([1, 2, 3]), momentsOf([5, 5]), 0.05)).toMatchObject({ degreesOfFreedom: 2, difference: -3 });
  });

  it('are not compared where neither varies', () => {
    expect(() => welchT(momentsOf([1, 1]), momentsOf([5, 5]), 0.05)).toThrow('neither sample varies');
  });

  it('have an interval as wide as their error', () => {
    const { lower, upper } = meanInterval(momentsOf([1, 2, 3, 4]), 0.05);
    expect((lower + upper) / 2).toBeCloseTo(2.5, 12);
    expect(upper - 2.5).toBeCloseTo(3.182446 * Math.sqrt(5 / 12), 5);
    expect(() => meanInterval(momentsOf([1, 2]), 0)).toThrow('alpha');
  });

  it('have no lift over zero', () => {
    expect(() => relativeLift({ value: 1, standardError: 1 }, { value: 0, standardError: 1 })).toThrow('relative to a mean of zero');
  });
});

describe('always-valid inference', () => {
  const plan = { alpha: 0.05, tightestAt: 1000 };

  it('leaves zero out exactly where the p-value is below alpha', () => {
    fc.assert(
      fc.property(fc.double({ min: -8, max: 8, noNaN: true }), fc.integer({ min: 1, max: 1e6 }), (value, count) => {
        const { lower, upper } = confidenceSequence({ value, standardError: 1 }, count, plan);
        const p = Math.exp(sequenceLogPValue({ value, standardError: 1 }, count, plan));
        expect(lower > 0 || upper < 0).toBe(p < 0.05);
      }),
    );
  });

  it('is narrowest, in standard errors, near the planned sample', () => {
    const width = (count: number) => confidenceSequence({ value: 0, standardError: 1 }, count, plan).upper;
    expect(width(1000)).toBeLessThan(width(300));
    expect(width(1000)).toBeLessThan(width(4000));
  });

  it('states that nothing can be said without an error, or without numbers', () => {
    expect(() => confidenceSequence({ value: 1, standardError: 0 }, 10, plan)).toThrow('neither sample varies');
    expect(() => sequenceLogPValue({ value: Number.NaN, standardError: 1 }, 10, plan)).toThrow('value: must be a number');
  });
});

describe('sampleRatio', () => {
  it('leaves an arm of weight zero out of the degrees of freedom', () => {
    const arms = [
      { count: 510, weight: 5000 },
      { count: 490, weight: 5000 },
      { count: 0, weight: 0 },
    ];
    expect(sampleRatio(arms)).toMatchObject({ degreesOfFreedom: 1, chiSquare: 0.4, hasUnexpectedUnits: false });
  });

  it('calls any unit in an arm of weight zero unexpected', () => {
    const arms = [
      { count: 500, weight: 1 },
      { count: 1, weight: 0 },
    ];
    expect(sampleRatio(arms)).toMatchObject({ degreesOfFreedom: 0, pValue: 1, hasUnexpectedUnits: true });
  });

  it('finds nothing in no units', () => {
    const result = sampleRatio([
      { count: 0, weight: 1 },
      { count: 0, weight: 1 },
    ]);
    expect(result).toMatchObject({ chiSquare: 0, pValue: 1, logAlwaysValidPValue: 0 });
  });

  it('finds a split that is off by one per cent once there are enough units', () => {
    const [a, b] = [
      { count: 51_000, weight: 1 },
      { count: 49_000, weight: 1 },
    ];
    expect(Math.exp(sampleRatio([a, b]).logAlwaysValidPValue)).toBeLessThan(0.001);
  });

  it('refuses weights that are none', () => {
    expect(() => sampleRatio([{ count: 1, weight: 0 }])).toThrow('must have a weight above 0');
    expect(() => sampleRatio([{ count: 1, weight: -1 }])).toThrow('arms[0].weight: must be 0 or more, got -1');
    expect(() => sampleRatio([{ count: 1, weight: Number.NaN }])).toThrow('got NaN');
  });
});
