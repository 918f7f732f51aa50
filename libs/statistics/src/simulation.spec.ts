// Simulated experiments, watched after every batch, with fixed seeds: what "always valid" promises, counted.
import {
  confidenceSequence,
  mergeMoments,
  mixtureSprtLogPValue,
  momentsOf,
  NO_VALUES,
  proportionMoments,
  sampleRatio,
  squaredError,
  type Estimate,
  type Moments,
} from './index.js';

// Taken out of the global once: a test's global is slow to reach.
const { imul, log, abs, sqrt } = Math;

/** mulberry32: small, fast, the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const [RUNS, BATCHES, BATCH, ALPHA] = [500, 40, 50, 0.05];
const plan = { alpha: ALPHA, tightestAt: 2000 };

type Sampler = (random: () => number) => Moments;
type Watch = (difference: Estimate, count: number) => boolean;

const proportionSampler =
  (rate: number): Sampler =>
  (random) => {
    let successes = 0;
    for (let unit = 0; unit < BATCH; unit++) successes += random() < rate ? 1 : 0;
    return proportionMoments(successes, BATCH);
  };

/** Exponential values: skewed, as latencies are. */
const skewedSampler =
  (mean: number): Sampler =>
  (random) =>
    momentsOf(Array.from({ length: BATCH }, () => -mean * log(1 - random())));

const inSequence: Watch = (difference, count) => {
  const { lower, upper } = confidenceSequence(difference, count, plan);
  return lower > 0 || upper < 0;
};

/** How many of the experiments ever showed a difference, when looked at after every batch. */
function found(control: Sampler, treatment: Sampler, watch: Watch): number {
  let detected = 0;
  for (let run = 1; run <= RUNS; run++) detected += everShows(randomFrom(run), [control, treatment], watch) ? 1 : 0;
  return detected;
}

function everShows(random: () => number, [control, treatment]: [Sampler, Sampler], watch: Watch): boolean {
  let [first, second] = [NO_VALUES, NO_VALUES];
  for (let batch = 0; batch < BATCHES; batch++) {
    first = mergeMoments(first, treatment(random));
    second = mergeMoments(second, control(random));
    const standardError = sqrt(squaredError(first) + squaredError(second));
    if (standardError > 0 && watch({ value: first.mean - second.mean, standardError }, first.count + second.count)) return true;
  }
  return false;
}

function report(what: string, count: number): number {
  process.stdout.write(`${what}: ${count} of ${RUNS}, ${BATCHES} looks each\n`);
  return count;
}

describe('experiments watched after every batch', () => {
  it('keep false positives of proportions at or under alpha', () => {
    expect(
      report('A/A proportions, false positives', found(proportionSampler(0.2), proportionSampler(0.2), inSequence)),
    ).toBeLessThanOrEqual(ALPHA * RUNS);
  });

  it('keep false positives of skewed means at or under alpha', () => {
    expect(report('A/A skewed means, false positives', found(skewedSampler(3), skewedSampler(3), inSequence))).toBeLessThanOrEqual(
      ALPHA * RUNS,
    );
  });

  it('keep false positives of the mixture SPRT at or under alpha', () => {
    const sprt: Watch = (difference) => mixtureSprtLogPValue(difference, 0.05) < Math.log(ALPHA);
    expect(report('A/A by mSPRT, false positives', found(proportionSampler(0.2), proportionSampler(0.2), sprt))).toBeLessThanOrEqual(
      ALPHA * RUNS,
    );
  });

  it('would not, with a fixed-horizon test: the simulation can fail', () => {
    const peeking: Watch = ({ value, standardError }) => abs(value / standardError) > 1.96;
    expect(report('A/A by peeking at z, false positives', found(proportionSampler(0.2), proportionSampler(0.2), peeking))).toBeGreaterThan(
      0.2 * RUNS,
    );
  });

  it('find planted effects', () => {
    expect(report('20 % against 28 %, found', found(proportionSampler(0.2), proportionSampler(0.28), inSequence))).toBeGreaterThan(
      0.95 * RUNS,
    );
    expect(report('mean 3 against 3.6, found', found(skewedSampler(3), skewedSampler(3.6), inSequence))).toBeGreaterThan(0.95 * RUNS);
  });

  it('raise a sample-ratio alarm only for a wrong split', () => {
    const alarms = (share: number) => {
      let count = 0;
      for (let run = 1; run <= RUNS; run++) count += alarmIn(randomFrom(run), share) ? 1 : 0;
      return count;
    };
    expect(report('50/50 as planned, alarms at 0.01', alarms(0.5))).toBeLessThanOrEqual(0.01 * RUNS);
    expect(report('55/45 against 50/50, alarms at 0.01', alarms(0.55))).toBeGreaterThan(0.95 * RUNS);
  });
});

function alarmIn(random: () => number, share: number): boolean {
  const counts: [number, number] = [0, 0];
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let unit = 0; unit < 2 * BATCH; unit++) counts[random() < share ? 0 : 1]++;
    const { logAlwaysValidPValue } = sampleRatio(counts.map((count) => ({ count, weight: 1 })));
    if (logAlwaysValidPValue < Math.log(0.01)) return true;
  }
  return false;
}
