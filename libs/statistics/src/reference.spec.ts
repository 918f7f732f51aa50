import { readFileSync } from 'node:fs';
import {
  chiSquareLogSurvival,
  chiSquareUpperQuantile,
  confidenceSequence,
  fisherLogPValue,
  mixtureSprtLogPValue,
  momentsOf,
  newcombeInterval,
  normalLogSurvival,
  normalUpperQuantile,
  proportionsZ,
  relativeLift,
  sampleRatio,
  sequenceLogPValue,
  studentLogSurvival,
  studentUpperQuantile,
  variance,
  welchT,
  wilsonInterval,
  type Interval,
  type Moments,
} from './index.js';

type Pair = [number, number];

interface Reference {
  distributions: { normal: Pair[]; student: [t: number, df: number, log: number][]; chiSquare: [x: number, df: number, log: number][] };
  quantiles: { normal: Pair[]; student: [tail: number, df: number, t: number][]; chiSquare: [tail: number, df: number, x: number][] };
  proportions: { first: Pair; second: Pair; z: number; logP: number; interval: Pair }[];
  wilson: { proportion: Pair; alpha: number; interval: Pair }[];
  newcombe: { first: Pair; second: Pair; interval: Pair }[];
  fisher: { successes: Pair; failures: Pair; logP: number }[];
  welch: { first: number[]; second: number[]; t: number; df: number; logP: number; interval: Pair }[];
  welchSummaries: { first: [number, number, number]; second: [number, number, number]; t: number; df: number; logP: number }[];
  chiSquareFit: { counts: number[]; weights: number[]; chiSquare: number; logP: number; logSequentialP: number }[];
  anytime: {
    value: number;
    standardError: number;
    sampleCount: number;
    tightestAt: number;
    alpha: number;
    interval: Pair;
    logP: number;
    tau: number;
    logSprtP: number;
  }[];
  lifts: { first: Pair; second: Pair; value: number; standardError: number }[];
  moments: { values: number[]; mean: number; variance: number };
}

const reference: Reference = JSON.parse(readFileSync(new URL('../reference/reference.json', import.meta.url), 'utf8'));

/** Agreement to 1e-9 relative; of two zeros, exactly. */
function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
}

/** Of a logarithm: 1e-9 relative of the probability itself, and of the logarithm. */
function expectLogClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(Math.max(1e-9, 1e-12 * Math.abs(expected)));
  if (Math.abs(expected) > 1e-6) expectClose(actual, expected);
}

function expectInterval({ lower, upper }: Interval, [expectedLower, expectedUpper]: Pair): void {
  expectClose(lower, expectedLower);
  expectClose(upper, expectedUpper);
}

const proportion = ([successes, count]: Pair) => ({ successes, count });
const estimate = ([value, standardError]: Pair) => ({ value, standardError });
const summary = ([mean, deviation, count]: [number, number, number]): Moments => ({
  count,
  mean,
  squaredDeviations: deviation * deviation * (count - 1),
});

describe('agreement with scipy, statsmodels and mpmath to 1e-9', () => {
  it.each(reference.distributions.normal)('normal beyond %d', (z, log) => expectLogClose(normalLogSurvival(z), log));

  it.each(reference.distributions.student)('t beyond %d with %d degrees', (t, df, log) => expectLogClose(studentLogSurvival(t, df), log));

  it.each(reference.distributions.chiSquare)('chi-square beyond %d with %d degrees', (x, df, log) =>
    expectLogClose(chiSquareLogSurvival(x, df), log),
  );

  it.each(reference.quantiles.normal)('normal quantile of %d', (tail, z) => expectClose(normalUpperQuantile(tail), z));

  it.each(reference.quantiles.student)('t quantile of %d with %d degrees', (tail, df, t) => expectClose(studentUpperQuantile(tail, df), t));

  it.each(reference.quantiles.chiSquare)('chi-square quantile of %d with %d degrees', (tail, df, x) =>
    expectClose(chiSquareUpperQuantile(tail, df), x),
  );

  it.each(reference.proportions)('z of $first against $second', ({ first, second, z, logP, interval }) => {
    const result = proportionsZ(proportion(first), proportion(second), 0.05);
    expectClose(result.statistic ?? Number.NaN, z);
    expectLogClose(result.logPValue, logP);
    expectInterval(result.interval, interval);
  });

  it.each(reference.wilson)('Wilson interval of $proportion at $alpha', (row) => {
    expectInterval(wilsonInterval(proportion(row.proportion), row.alpha), row.interval);
  });

  it.each(reference.newcombe)('Newcombe interval of $first against $second', ({ first, second, interval }) => {
    expectInterval(newcombeInterval(proportion(first), proportion(second), 0.05), interval);
  });

  it.each(reference.fisher)('Fisher of $successes against $failures', ({ logP, ...table }) => expectLogClose(fisherLogPValue(table), logP));

  it.each(reference.welch)('Welch of $first against $second', ({ first, second, t, df, logP, interval }) => {
    const result = welchT(momentsOf(first), momentsOf(second), 0.05);
    expectClose(result.statistic, t);
    expectClose(result.degreesOfFreedom, df);
    expectLogClose(result.logPValue, logP);
    expectInterval(result.interval, interval);
  });

  it.each(reference.welchSummaries)('Welch of the summaries $first against $second', ({ first, second, t, df, logP }) => {
    const result = welchT(summary(first), summary(second), 0.05);
    expectClose(result.statistic, t);
    expectClose(result.degreesOfFreedom, df);
    expectLogClose(result.logPValue, logP);
  });

  it.each(reference.chiSquareFit)('split of $counts by $weights', ({ counts, weights, chiSquare, logP, logSequentialP }) => {
    const result = sampleRatio(counts.map((count, index) => ({ count, weight: weights[index] ?? 0 })));
    expectClose(result.chiSquare, chiSquare);
    expectLogClose(result.logPValue, logP);
    expectLogClose(result.logAlwaysValidPValue, logSequentialP);
  });

  it.each(reference.anytime)('always-valid inference of $value ± $standardError', (row) => {
    expectInterval(confidenceSequence(row, row.sampleCount, row), row.interval);
    expectLogClose(sequenceLogPValue(row, row.sampleCount, row), row.logP);
    expectLogClose(mixtureSprtLogPValue(row, row.tau), row.logSprtP);
  });

  it.each(reference.lifts)('lift of $first over $second', ({ first, second, value, standardError }) => {
    const lift = relativeLift(estimate(first), estimate(second));
    expectClose(lift.value, value);
    expectClose(lift.standardError, standardError);
  });

  it('moments of values far from zero', () => {
    const moments = momentsOf(reference.moments.values);
    expectClose(moments.mean, reference.moments.mean);
    expectClose(variance(moments), reference.moments.variance);
  });
});
