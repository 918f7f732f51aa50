import { experiments } from '@q2/contracts';
import { momentsOf, proportionMoments, type Moments } from '@q2/statistics';
import { aDefinition, type ExperimentInit } from '../definition.testing.js';
import { defineExperiment } from '../experiments/experiment.js';
import { analyse } from './analyse.js';
import { metricKey, type CollectedData, type MetricData } from './collected-data.js';
import { decide } from './decide.js';

const { DecisionKind, Direction, EvidenceCause, Finding, MetricKind, MetricRole, State, TestMethod } = experiments;

function running(change: ExperimentInit = {}, state = State.RUNNING): experiments.Experiment {
  return { ...defineExperiment('test', aDefinition(change)), name: 'tenants/acme/experiments/test', state };
}

const successes = (sum: number, count: number): MetricData => ({ sum, moments: proportionMoments(sum, count) });
/** Values around a mean with a spread of two. */
const around = (mean: number, count: number): MetricData => {
  const moments: Moments = momentsOf(Array.from({ length: count }, (_, index) => mean + (index % 5) - 2));
  return { sum: mean * count, moments };
};

/** Data of two variants: units, and per metric the old and the new variant. */
function collected(units: [old: number, now: number], metrics: Record<string, [old: MetricData, now: MetricData]>): CollectedData {
  const pairs = Object.entries(metrics).flatMap(([metric, [old, now]]) => [
    [metricKey(metric, 'old'), old] as const,
    [metricKey(metric, 'new'), now] as const,
  ]);
  return {
    units: new Map([
      ['old', units[0]],
      ['new', units[1]],
    ]),
    multiplyExposedUnits: 0,
    waitingUnits: 0,
    metrics: new Map(pairs),
  };
}

const now = new Date(Date.UTC(2026, 0, 1));
const fine: [MetricData, MetricData] = [around(10, 1000), around(10, 1000)];

function decided(experiment: experiments.Experiment, data: CollectedData) {
  const results = analyse(experiment, data, now);
  const verdict = decide(experiment, results);
  return { results, verdict, cause: verdict && EvidenceCause[verdict.evidence.cause] };
}

function findingOf(results: experiments.Results, metric: string, variant = 'new') {
  const found = results.metrics.find((one) => one.metric === metric)?.variants.find((one) => one.variant === variant);
  return Finding[found?.comparison?.finding ?? Finding.UNSPECIFIED];
}

describe('the rule', () => {
  it('lets a variant win that is better on the goal and acceptable on the guardrails', () => {
    const { verdict, cause, results } = decided(
      running(),
      collected([1000, 1000], { correct: [successes(800, 1000), successes(900, 1000)], latency: fine }),
    );
    expect(verdict).toMatchObject({ kind: DecisionKind.CONCLUDED, winnerVariant: 'new' });
    expect(cause).toBe('GOAL_REACHED');
    expect(verdict?.evidence.reason).toBe("Goal 'correct' of 'new': Better than the control: +12.5 %.");
    expect(verdict?.evidence.units).toEqual({ old: 1000n, new: 1000n });
    expect(verdict?.evidence.metrics.map(({ metric, units }) => [metric, units])).toEqual([
      ['correct', 2000n],
      ['latency', 2000n],
    ]);
    expect(results.verdict).toContain("'new' is better than the control");
  });

  it('waits for the minimum sample', () => {
    const experiment = running({ decisionRule: { minSamplePerVariant: 1001 } });
    const data = collected([1000, 1000], { correct: [successes(800, 1000), successes(900, 1000)], latency: fine });
    expect(decided(experiment, data).verdict).toBeUndefined();
  });

  it('waits until the guardrails are shown to hold', () => {
    const { verdict, results } = decided(running(), collected([1000, 1000], { correct: [successes(800, 1000), successes(900, 1000)] }));
    expect(verdict).toBeUndefined();
    expect(results.metrics[1]?.variants[1]?.verdict).toBe('Too little data to compare.');
  });

  it('lets the control win where the variant is worse', () => {
    const { verdict, cause, results } = decided(
      running(),
      collected([1000, 1000], { correct: [successes(900, 1000), successes(800, 1000)], latency: fine }),
    );
    expect(verdict).toMatchObject({ kind: DecisionKind.CONCLUDED, winnerVariant: 'old' });
    expect(cause).toBe('CONTROL_BETTER');
    expect(results.verdict).toBe("On the goal 'correct' nothing is better than the control.");
  });

  it('follows the direction of the goal', () => {
    const metrics = [{ id: 'errors', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.DECREASE }];
    const { verdict } = decided(running({ metrics }), collected([1000, 1000], { errors: [successes(200, 1000), successes(100, 1000)] }));
    expect(verdict?.winnerVariant).toBe('new');
  });

  it('takes the best of several winners', () => {
    const variants = [
      { id: 'old', control: true, weightBasisPoints: 4000 },
      { id: 'new', weightBasisPoints: 3000 },
      { id: 'newest', weightBasisPoints: 3000 },
    ];
    const data = collected([1334, 1000], {
      correct: [successes(1000, 1334), successes(850, 1000)],
      latency: [around(10, 1334), around(10, 1000)],
    });
    const withThird: CollectedData = {
      ...data,
      units: new Map([...data.units, ['newest', 1000]]),
      metrics: new Map([
        ...data.metrics,
        [metricKey('correct', 'newest'), successes(900, 1000)],
        [metricKey('latency', 'newest'), around(10, 1000)],
      ]),
    };
    expect(decided(running({ variants }), withThird).verdict?.winnerVariant).toBe('newest');
  });

  it('decides nothing where nothing is shown', () => {
    const { verdict, results } = decided(
      running(),
      collected([1000, 1000], { correct: [successes(800, 1000), successes(805, 1000)], latency: fine }),
    );
    expect(verdict).toBeUndefined();
    expect(results.verdict).toMatch(/^Undecided/);
    expect(results.metrics[0]?.variants[1]?.verdict).toBe('No difference shown yet: +0.625 % so far.');
  });

  it('rolls back where a guardrail is worse than its margin, before there is a minimum sample', () => {
    const data = collected([60, 60], { correct: [successes(40, 60), successes(55, 60)], latency: [around(10, 60), around(17, 60)] });
    const { verdict, cause } = decided(running(), data);
    expect(verdict).toMatchObject({ kind: DecisionKind.ROLLED_BACK, winnerVariant: '' });
    expect(cause).toBe('GUARDRAIL_WORSE');
    expect(verdict?.evidence.reason).toBe("Guardrail 'latency' of 'new': Worse than its margin of 50.0 % allows: +70.0 %.");
  });

  it('rolls back where the split is wrong', () => {
    const { verdict, cause } = decided(running(), collected([1300, 1000], {}));
    expect(verdict?.kind).toBe(DecisionKind.ROLLED_BACK);
    expect(cause).toBe('SAMPLE_RATIO_MISMATCH');
  });

  it('rolls back where units meet a variant without weight', () => {
    const variants = [
      { id: 'old', control: true, weightBasisPoints: 5000 },
      { id: 'other', weightBasisPoints: 5000 },
      { id: 'new', weightBasisPoints: 0 },
    ];
    const { results, cause } = decided(running({ variants }), {
      ...collected([10, 1], {}),
      units: new Map([
        ['old', 10],
        ['other', 10],
        ['new', 1],
      ]),
    });
    expect(cause).toBe('SAMPLE_RATIO_MISMATCH');
    expect(results.sampleRatio).toMatchObject({ unexpectedVariant: true, degreesOfFreedom: 1 });
    expect(results.verdict).toContain('no weight');
  });
});

describe('guardrails', () => {
  const guarded = (direction: experiments.Direction, margin: number) =>
    running({
      metrics: [
        { id: 'correct', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE },
        { id: 'guard', kind: MetricKind.MEAN, role: MetricRole.GUARDRAIL, direction, margin },
      ],
    });
  const judged = (direction: experiments.Direction, margin: number, pair: [number, number]) =>
    findingOf(
      analyse(guarded(direction, margin), collected([500, 500], { guard: [around(pair[0], 500), around(pair[1], 500)] }), now),
      'guard',
    );

  it.each([
    ['less is better', Direction.DECREASE, 0.1, [10, 10.1], 'ACCEPTABLE'],
    ['less is better', Direction.DECREASE, 0.1, [10, 12], 'WORSE'],
    ['less is better', Direction.DECREASE, 0.1, [10, 11], 'INCONCLUSIVE'],
    ['more is better', Direction.INCREASE, 0.1, [10, 9.9], 'ACCEPTABLE'],
    ['more is better', Direction.INCREASE, 0.1, [10, 8], 'WORSE'],
    ['the control is negative', Direction.DECREASE, 0.1, [-10, -9.9], 'ACCEPTABLE'],
    ['the control is negative', Direction.DECREASE, 0.1, [-10, -8], 'WORSE'],
    ['the control is zero', Direction.DECREASE, 0.1, [0, 3], 'WORSE'],
    ['there is no margin', Direction.DECREASE, 0, [10, 9], 'ACCEPTABLE'],
  ] as const)('are judged by their margin where %s (%d, %d, %j): %s', (_, direction, margin, pair, finding) => {
    expect(judged(direction, margin, [pair[0], pair[1]])).toBe(finding);
  });

  it('show nothing below thirty units', () => {
    const data = collected([29, 29], { guard: [around(10, 29), around(100, 29)] });
    expect(findingOf(analyse(guarded(Direction.DECREASE, 0), data, now), 'guard')).toBe('INCONCLUSIVE');
  });

  it('say what is not shown yet', () => {
    const results = analyse(guarded(Direction.DECREASE, 0.1), collected([500, 500], { guard: [around(10, 500), around(11, 500)] }), now);
    expect(results.metrics[1]?.variants[1]?.verdict).toBe('Not shown yet to stay within its margin of 10.0 %: +10.0 % so far.');
  });
});

describe('analyse', () => {
  it('describes every variant and compares it with the control', () => {
    const { metrics } = analyse(
      running(),
      collected([200, 200], { correct: [successes(100, 200), successes(120, 200)], latency: [around(10, 200), around(11, 200)] }),
      now,
    );
    const [control, treatment] = metrics[0]?.variants ?? [];
    expect(control).toMatchObject({
      variant: 'old',
      control: true,
      units: 200n,
      mean: 0.5,
      verdict: 'The others are compared with this one.',
    });
    expect(control?.comparison).toBeUndefined();
    expect(treatment?.comparison).toMatchObject({
      method: TestMethod.PROPORTIONS_Z,
      absolute: { value: 0.6 - 0.5 },
      relative: { value: 0.6 / 0.5 - 1 },
    });
    expect(treatment?.comparison?.degreesOfFreedom).toBeUndefined();
    expect(treatment?.comparison?.pValue).toBeCloseTo(0.0444, 3);
    expect(treatment?.comparison?.alwaysValidPValue).toBeGreaterThan(0.0444);
    expect(metrics[1]?.variants[1]?.comparison).toMatchObject({ method: TestMethod.WELCH_T, degreesOfFreedom: expect.any(Number) });
  });

  it('finds 10 of 100 against none at all, exactly', () => {
    const { metrics } = analyse(running(), collected([100, 100], { correct: [successes(0, 100), successes(10, 100)] }), now);
    const comparison = metrics[0]?.variants[1]?.comparison;
    expect(comparison?.method).toBe(TestMethod.FISHER_EXACT);
    expect(comparison?.statistic).toBeUndefined();
    expect(comparison?.pValue).toBeCloseTo(0.00154, 5);
    expect(comparison?.relative).toBeUndefined();
    expect(metrics[0]?.variants[1]?.verdict).toBe('Better than the control: 0.1.');
  });

  it('has an interval even where all succeeded', () => {
    const { metrics } = analyse(running(), collected([50, 50], { correct: [successes(50, 50), successes(50, 50)] }), now);
    const interval = metrics[0]?.variants[1]?.comparison?.absolute?.alwaysValidInterval;
    expect(interval?.upper).toBeGreaterThan(0.05);
    expect(interval?.lower).toBeLessThan(-0.05);
  });

  it('compares nothing where nothing varies, or there is one unit', () => {
    const constant: MetricData = { sum: 50, moments: momentsOf(Array.from({ length: 10 }, () => 5)) };
    const one: MetricData = { sum: 5, moments: momentsOf([5]) };
    const still = analyse(running(), collected([10, 10], { latency: [constant, constant] }), now);
    expect(still.metrics[1]?.variants[1]).toMatchObject({
      verdict: 'Nothing to compare yet: too little data in the control, or no variation.',
    });
    const single = analyse(running(), collected([1, 1], { latency: [one, one] }), now);
    expect(single.metrics[1]?.variants[1]).toMatchObject({ verdict: 'Too little data to compare.', standardDeviation: 0 });
    expect(single.metrics[1]?.variants[1]?.interval).toBeUndefined();
  });

  it('says in words where an experiment is', () => {
    const verdict = (state: experiments.State, winnerVariant = '') =>
      analyse({ ...running({}, state), winnerVariant }, collected([0, 0], {}), now).verdict;
    expect(verdict(State.DRAFT)).toBe('Not started.');
    expect(verdict(State.COMPLETED, 'new')).toBe("Over: 'new' won.");
    expect(verdict(State.COMPLETED)).toBe('Over: no winner.');
    expect(verdict(State.ROLLED_BACK)).toBe('Over: rolled back to the control.');
  });
});
