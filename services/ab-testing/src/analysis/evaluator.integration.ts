import { experiments } from '@q2/contracts';
import { Database } from '@q2/database';
import { experimentsSchema } from '../experiments-schema.js';
import { Bench, eventually } from '../fixtures.testing.js';

const { DecisionKind, EvidenceCause, State } = experiments;

/** Exposures and outcomes of a number of units, half in each variant, at given rates of success and latencies. */
function unitsOf(count: number, rates: { old: number; now: number }, latency: { old: number; now: number }) {
  const units = Array.from({ length: count }, (_, unit) => ({ unit, isNew: unit % 2 === 1, rank: Math.floor(unit / 2) / (count / 2) }));
  const exposures = units.map(({ unit, isNew }) => ({ id: `e${unit}`, unitId: `u${unit}`, variant: isNew ? 'new' : 'old' }));
  const outcomes = units.flatMap(({ unit, isNew, rank }) => [
    { id: `c${unit}`, unitId: `u${unit}`, metric: 'correct', value: rank < (isNew ? rates.now : rates.old) ? 1 : 0 },
    { id: `l${unit}`, unitId: `u${unit}`, metric: 'latency', value: (isNew ? latency.now : latency.old) * (0.8 + 0.4 * rank) },
  ]);
  return { exposures, outcomes };
}

describe('running experiments', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.platform.stop());

  const stateOf = (name: string) => bench.editor().experiments.getExperiment({ name });
  const ended = (name: string) =>
    eventually(
      () => stateOf(name),
      ({ state }) => state !== State.RUNNING,
    );

  async function feed(name: string, data: ReturnType<typeof unitsOf>) {
    await bench.expose(name, ...data.exposures);
    for (let start = 0; start < data.outcomes.length; start += 700) await bench.report(name, ...data.outcomes.slice(start, start + 700));
  }

  it('conclude by themselves once the goal is reached and the guardrails hold, with the evidence', async () => {
    const name = await bench.running('winner');
    await feed(name, unitsOf(800, { old: 0.8, now: 0.95 }, { old: 2, now: 2 }));
    expect(await ended(name)).toMatchObject({ state: State.COMPLETED, winnerVariant: 'new' });
    const { decisions } = await bench.editor().experiments.listDecisions({ parent: name });
    expect(decisions).toMatchObject([
      { kind: DecisionKind.CONCLUDED, decidedBy: 'rule', evidence: { cause: EvidenceCause.GOAL_REACHED, units: { old: 400n, new: 400n } } },
    ]);
    const [, concluded] = await bench.announced(name, 'ExperimentConcluded');
    expect(concluded).toMatchObject({
      tenant: 'acme',
      data: {
        winnerVariant: 'new',
        target: 'tenants/acme/models/digits/versions/1.1.0',
        model: 'tenants/acme/models/digits',
        version: '1.1.0',
        decidedBy: 'rule',
        evidence: { cause: 'EVIDENCE_CAUSE_GOAL_REACHED' },
      },
    });
    expect((await bench.results(name)).verdict).toBe("Over: 'new' won.");
  });

  it('roll back by themselves where a guardrail is worse', async () => {
    const name = await bench.running('slower');
    await feed(name, unitsOf(200, { old: 0.8, now: 0.95 }, { old: 2, now: 6 }));
    expect((await ended(name)).state).toBe(State.ROLLED_BACK);
    const { decisions } = await bench.editor().experiments.listDecisions({ parent: name });
    expect(decisions[0]?.evidence).toMatchObject({
      cause: EvidenceCause.GUARDRAIL_WORSE,
      reason: expect.stringContaining("'latency' of 'new'"),
    });
  });

  it('roll back by themselves where units are not split as planned, and say so', async () => {
    const name = await bench.running('skewed');
    await bench.expose(
      name,
      ...Array.from({ length: 600 }, (_, unit) => ({ id: `e${unit}`, unitId: `u${unit}`, variant: unit % 3 ? 'old' : 'new' })),
    );
    expect((await ended(name)).state).toBe(State.ROLLED_BACK);
    const events = await bench.announced(name, 'ExperimentRolledBack');
    expect(events.map(({ fact }) => fact)).toEqual(['ExperimentStarted', 'SampleRatioMismatchFound', 'ExperimentRolledBack']);
    expect(events[1]?.data).toMatchObject({ units: { old: '400', new: '200' }, weightsBasisPoints: { old: 5000, new: 5000 } });
  });

  it('go on where nothing is shown, and are looked at again with new data', async () => {
    const name = await bench.running('patient', { decisionRule: { minSamplePerVariant: 300 } });
    const data = unitsOf(800, { old: 0.8, now: 0.95 }, { old: 2, now: 2 });
    await feed(name, { exposures: data.exposures.slice(0, 400), outcomes: data.outcomes.slice(0, 800) });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await stateOf(name)).state).toBe(State.RUNNING);
    await feed(name, data);
    expect(await ended(name)).toMatchObject({ state: State.COMPLETED, winnerVariant: 'new' });
  });

  it('decide nothing while paused, and what came meanwhile once resumed', async () => {
    const name = await bench.running('paused');
    await bench.editor().experiments.pauseExperiment({ name });
    await feed(name, unitsOf(800, { old: 0.8, now: 0.95 }, { old: 2, now: 2 }));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await stateOf(name)).state).toBe(State.PAUSED);
    await bench.editor().experiments.resumeExperiment({ name });
    expect((await ended(name)).state).toBe(State.COMPLETED);
  });

  it('are decided although another one cannot be analysed', async () => {
    const broken = await bench.running('broken');
    const name = await bench.running('whole');
    const database = await Database.connect({ url: bench.platform.databaseUrl, schema: experimentsSchema });
    const damage = `UPDATE experiments SET definition = '{}', has_new_data = true, updated_at = '2026-01-01' WHERE id = 'broken'`;
    await database.inTenant('acme', (tx) => tx.execute(damage));
    await database.close();
    await feed(name, unitsOf(800, { old: 0.8, now: 0.95 }, { old: 2, now: 2 }));
    expect((await ended(name)).state).toBe(State.COMPLETED);
    expect((await stateOf(broken)).state).toBe(State.RUNNING);
  });

  it('are decided after a restart from what was stored before', async () => {
    const name = await bench.running('interrupted', { decisionRule: { minSamplePerVariant: 400 } });
    const data = unitsOf(800, { old: 0.8, now: 0.95 }, { old: 2, now: 2 });
    await feed(name, { exposures: data.exposures.slice(0, 500), outcomes: data.outcomes });
    const again = await Bench.start({ databaseUrl: bench.platform.databaseUrl });
    try {
      await again.expose(name, ...data.exposures);
      expect(await ended(name)).toMatchObject({ winnerVariant: 'new' });
      expect((await again.editor().experiments.listDecisions({ parent: name })).decisions).toHaveLength(1);
    } finally {
      await again.platform.stop();
    }
  });
});
