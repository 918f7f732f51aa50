import { readFileSync } from 'node:fs';
import { bucketRanges, chooseVariation, equalWeights, hash, inNamespace, isHashVersion } from './index.js';

interface Vectors {
  hash: [seed: string, value: string, version: number, expected: number | null][];
  getBucketRange: [name: string, args: [count: number, coverage: number, weights: number[] | null], expected: [number, number][]][];
  chooseVariation: [name: string, place: number, ranges: [number, number][], expected: number][];
  getEqualWeights: [count: number, expected: number[]][];
  inNamespace: [name: string, unit: string, namespace: [id: string, start: number, end: number], expected: boolean][];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/growthbook.json', import.meta.url), 'utf8'));

/** The suite writes its decimals rounded to eight places. */
const rounded = (value: number) => Math.round(value * 1e8) / 1e8;
const truncated = (value: number) => Math.floor(value * 1e8) / 1e8;

describe("GrowthBook's vectors", () => {
  it.each(vectors.hash)('hash(%j, %j, version %d)', (seed, value, version, expected) => {
    expect(isHashVersion(version) ? hash(seed, value, version) : null).toBe(expected);
  });

  it.each(vectors.getBucketRange)('bucket ranges: %s', (_, [count, coverage, weights], expected) => {
    const ranges = bucketRanges(count, coverage, weights ?? undefined);
    expect(ranges.map((range) => range.map(rounded))).toEqual(expected);
  });

  it.each(vectors.chooseVariation)('choose: %s', (_, place, ranges, expected) => {
    expect(chooseVariation(place, ranges)).toBe(expected);
  });

  it.each(vectors.getEqualWeights)('equal weights of %d', (count, expected) => {
    expect(equalWeights(count).map(truncated)).toEqual(expected);
  });

  it.each(vectors.inNamespace)('namespace: %s', (_, unit, [id, start, end], expected) => {
    expect(inNamespace(unit, { id, range: [start, end] })).toBe(expected);
  });

  it('are all there', () => {
    expect(Object.entries(vectors).map(([name, cases]) => [name, Array.isArray(cases) ? cases.length : 0])).toEqual([
      ['about', 0],
      ['hash', 15],
      ['getBucketRange', 13],
      ['chooseVariation', 13],
      ['getEqualWeights', 6],
      ['inNamespace', 16],
    ]);
  });
});
