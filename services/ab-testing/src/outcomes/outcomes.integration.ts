import fc from 'fast-check';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { experiments } from '@q2/contracts';
import { Bench, streamOf } from '../fixtures.testing.js';

const at = (second: number) => timestampFromDate(new Date(Date.UTC(2026, 0, 1, 0, 0, second)));

describe('what happened to units', () => {
  let bench: Bench;
  let name: string;
  let count = 0;

  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.platform.stop());
  beforeEach(async () => {
    count += 1;
    name = await bench.running(`data-${count}`);
  });

  it('counts once, by its id, within a batch and across batches', async () => {
    const exposure = { id: 'e1', unitId: 'u1', variant: 'new' };
    expect(await bench.expose(name, exposure, exposure)).toMatchObject({ acceptedCount: 1n, duplicateCount: 1n, rejectedCount: 0n });
    expect(await bench.expose(name, exposure)).toMatchObject({ acceptedCount: 0n, duplicateCount: 1n });
    const outcome = { id: 'o1', unitId: 'u1', metric: 'revenue', value: 5 };
    expect(await bench.report(name, outcome)).toMatchObject({ acceptedCount: 1n, duplicateCount: 0n });
    expect(await bench.report(name, outcome, { ...outcome, value: 9 })).toMatchObject({ acceptedCount: 0n, duplicateCount: 2n });
    expect((await bench.figures(name, 'revenue', 'new')).slice(0, 2)).toEqual([1, 5]);
  });

  it('becomes one value per unit: any success, the mean, or the sum', async () => {
    await bench.expose(name, { id: 'e1', unitId: 'u1', variant: 'new' }, { id: 'e2', unitId: 'u2', variant: 'new' });
    await bench.report(
      name,
      { id: 'c1', unitId: 'u1', metric: 'correct', value: 1 },
      { id: 'c2', unitId: 'u1', metric: 'correct', value: 1 },
      { id: 'l1', unitId: 'u1', metric: 'latency', value: 10 },
      { id: 'l2', unitId: 'u1', metric: 'latency', value: 20 },
      { id: 'r1', unitId: 'u1', metric: 'revenue', value: 3 },
      { id: 'r2', unitId: 'u1', metric: 'revenue', value: 4 },
    );
    expect((await bench.figures(name, 'correct', 'new')).slice(0, 2)).toEqual([2, 0.5]);
    expect((await bench.figures(name, 'latency', 'new')).slice(0, 2)).toEqual([1, 15]);
    expect((await bench.figures(name, 'revenue', 'new')).slice(0, 2)).toEqual([2, 3.5]);
  });

  it('waits where the outcome comes before its exposure', async () => {
    await bench.report(
      name,
      { id: 'o1', unitId: 'early', metric: 'correct', value: 1 },
      { id: 'o2', unitId: 'early', metric: 'latency', value: 7 },
    );
    expect(await bench.results(name)).toMatchObject({ units: 0n, waitingUnits: 1n });
    await bench.report(name, { id: 'o3', unitId: 'early', metric: 'latency', value: 9 });
    expect(await bench.results(name)).toMatchObject({ waitingUnits: 1n });
    await bench.expose(name, { id: 'e1', unitId: 'early', variant: 'old' });
    expect(await bench.results(name)).toMatchObject({ units: 1n, waitingUnits: 0n });
    expect((await bench.figures(name, 'correct', 'old')).slice(0, 2)).toEqual([1, 1]);
    expect((await bench.figures(name, 'latency', 'old')).slice(0, 2)).toEqual([1, 8]);
  });

  it('belongs to the variant that a unit met first, whatever came first, and several are flagged', async () => {
    await bench.expose(name, { id: 'later', unitId: 'u1', variant: 'new', exposeTime: at(20) });
    await bench.report(name, { id: 'o1', unitId: 'u1', metric: 'latency', value: 12 });
    expect((await bench.figures(name, 'latency', 'new')).slice(0, 2)).toEqual([1, 12]);
    await bench.expose(name, { id: 'first', unitId: 'u1', variant: 'old', exposeTime: at(10) });
    expect((await bench.figures(name, 'latency', 'new')).slice(0, 2)).toEqual([0, 0]);
    expect((await bench.figures(name, 'latency', 'old')).slice(0, 2)).toEqual([1, 12]);
    expect(await bench.results(name)).toMatchObject({
      units: 1n,
      multiplyExposedUnits: 1n,
      sampleRatio: { units: { old: 1n, new: 0n } },
    });
  });

  it('gives the same figures in any order and any batches, to the last digit', async () => {
    const exposures = Array.from({ length: 12 }, (_, unit) => [
      { id: `e${unit}`, unitId: `u${unit}`, variant: unit % 2 ? 'new' : 'old', exposeTime: at(unit + 1) },
      ...(unit % 5 === 0
        ? [{ id: `x${unit}`, unitId: `u${unit}`, variant: unit % 2 ? 'old' : 'new', exposeTime: at(unit % 10 ? 59 : 0) }]
        : []),
    ]).flat();
    const outcomes = Array.from({ length: 30 }, (_, n) => [
      { id: `c${n}`, unitId: `u${n % 11}`, metric: 'correct', value: n % 3 === 0 ? 1 : 0 },
      { id: `l${n}`, unitId: `u${n % 13}`, metric: 'latency', value: 0.1 * n },
      { id: `r${n}`, unitId: `u${n % 7}`, metric: 'revenue', value: n === 3 ? 1e12 : 0.01 * n },
    ]).flat();
    const events = [...exposures, ...outcomes];
    const seen = new Set<string>();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(events, { minLength: events.length }), fc.integer({ min: 1, max: 40 }), async (order, size) => {
        run += 1;
        const experiment = await bench.running(`order-${count}-${run}`);
        for (let start = 0; start < order.length; start += size) {
          const batch = order.slice(start, start + size);
          await bench.expose(experiment, ...batch.flatMap((event) => ('variant' in event ? [event] : [])), {
            id: 'again',
            unitId: 'u1',
            variant: 'new',
            exposeTime: at(50),
          });
          const values = batch.flatMap((event) => ('metric' in event ? [event] : []));
          if (values.length > 0) await bench.report(experiment, ...values);
        }
        const { metrics, units, multiplyExposedUnits, waitingUnits } = await bench.results(experiment);
        seen.add(
          JSON.stringify({ metrics, units, multiplyExposedUnits, waitingUnits }, (_, value: unknown) =>
            typeof value === 'bigint' ? `${value}` : value,
          ),
        );
      }),
      { numRuns: 6, seed: 4 },
    );
    expect(seen.size).toBe(1);
  });

  it('keeps its digits where values are huge and differ by little', async () => {
    await bench.expose(name, ...[0, 1, 2, 3].map((unit) => ({ id: `e${unit}`, unitId: `u${unit}`, variant: 'new' })));
    await bench.report(
      name,
      ...[1, 2, 3, 4].map((value, unit) => ({ id: `o${unit}`, unitId: `u${unit}`, metric: 'latency', value: 1e14 + value })),
    );
    expect(await bench.figures(name, 'latency', 'new')).toEqual([4, 1e14 + 2.5, Math.sqrt(5 / 3)]);
  });

  it('counts each event once when many streams send the same events at once', async () => {
    const exposures = Array.from({ length: 300 }, (_, unit) => ({ id: `e${unit}`, unitId: `u${unit}`, variant: unit % 2 ? 'new' : 'old' }));
    const outcomes = Array.from({ length: 300 }, (_, unit) => ({
      id: `o${unit}`,
      unitId: `u${unit}`,
      metric: 'correct',
      value: unit % 3 ? 1 : 0,
    }));
    const { outcomes: client } = bench.editor();
    const receipts = await Promise.all(
      [1, 2, 3, 4, 5].flatMap((turn) => [
        client.recordExposuresStream(
          streamOf(
            ...[0, 100, 200].map((start) => ({ experiment: name, exposures: exposures.toReversed().slice(start, start + 40 * turn) })),
          ),
        ),
        client.recordOutcomesStream(streamOf({ experiment: name, outcomes: turn % 2 ? outcomes : outcomes.toReversed() })),
      ]),
    );
    expect(receipts.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0n)).toBe(600n);
    expect(await bench.results(name)).toMatchObject({ units: 300n, waitingUnits: 0n });
    expect((await bench.figures(name, 'correct', 'new'))[0]).toBe(150);
    expect((await bench.figures(name, 'correct', 'new'))[1]).toBe(100 / 150);
  });

  it('is refused item by item, with the reason', async () => {
    const receipt = await bench.expose(name, { id: 'bad', unitId: 'u', variant: 'third' }, { id: 'good', unitId: 'u', variant: 'new' });
    expect(receipt).toMatchObject({ acceptedCount: 1n, rejectedCount: 1n, rejections: [{ id: 'bad', reason: 'UNKNOWN_VARIANT' }] });
    const outcomes = await bench.report(
      name,
      { id: 'o1', unitId: 'u', metric: 'none', value: 1 },
      { id: 'o2', unitId: 'u', metric: 'correct', value: 0.5 },
    );
    expect(outcomes.rejections.map(({ reason }) => reason)).toEqual(['UNKNOWN_METRIC', 'NOT_A_PROPORTION']);
  });

  it('is refused where the experiment takes no data', async () => {
    const exposure = { id: 'e', unitId: 'u', variant: 'new' };
    const { experiments: client } = bench.editor();
    expect((await bench.expose('tenants/acme/experiments/missing', exposure)).rejections[0]?.reason).toBe('EXPERIMENT_NOT_FOUND');
    const draft = await client.createExperiment({
      parent: 'tenants/acme',
      experimentId: `draft-${count}`,
      experiment: await client.getExperiment({ name }),
    });
    expect((await bench.expose(draft.name, exposure)).rejections[0]?.reason).toBe('EXPERIMENT_NOT_STARTED');
    await client.rollBackExperiment({ name });
    const many = Array.from({ length: 150 }, (_, index) => ({ ...exposure, id: `e${index}` }));
    const receipt = await bench.expose(name, ...many);
    expect(receipt).toMatchObject({ acceptedCount: 0n, rejectedCount: 150n });
    expect(receipt.rejections).toHaveLength(100);
    expect(receipt.rejections[0]?.reason).toBe('EXPERIMENT_ENDED');
  });

  it('is taken while paused, and from producers, but not from viewers', async () => {
    await bench.editor().experiments.pauseExperiment({ name });
    expect((await bench.expose(name, { id: 'e', unitId: 'u', variant: 'new' })).acceptedCount).toBe(1n);
    const as = (role: string) => bench.platform.client(experiments.OutcomeService, { tenant: 'acme', roles: [role] });
    const batch = { experiment: name, outcomes: [{ id: 'o', unitId: 'u', metric: 'latency', value: 1 }] };
    expect((await as('producer').recordOutcomesStream(streamOf(batch))).acceptedCount).toBe(1n);
    await expect(as('viewer').recordOutcomesStream(streamOf(batch))).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
  });

  it('stays in its tenant', async () => {
    const { outcomes, analysis } = bench.editor('other');
    const batch = { experiment: name, exposures: [{ id: 'e', unitId: 'u', variant: 'new' }] };
    await expect(outcomes.recordExposuresStream(streamOf(batch))).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    await expect(analysis.getResults({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    const own = { ...batch, experiment: `tenants/other/experiments/data-${count}` };
    await expect(outcomes.recordExposuresStream(streamOf(own, batch))).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    expect((await bench.results(name)).units).toBe(0n);
  });
});
