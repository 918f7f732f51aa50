import { randomUUID } from 'node:crypto';
import { experiments } from '@q2/contracts';
import { aDefinition } from '../definition.testing.js';
import { Bench, eventually } from '../fixtures.testing.js';
import { FakeQuotas } from '../neighbours.testing.js';

const { State } = experiments;
const parent = 'tenants/acme';

describe('experiments', () => {
  let bench: Bench;
  let client: ReturnType<Bench['editor']>['experiments'];
  let count = 0;
  const create = (change = {}, experimentId = `exp-${(count += 1)}`) =>
    client.createExperiment({ parent, experimentId, experiment: aDefinition(change) });

  beforeAll(async () => {
    bench = await Bench.start();
    client = bench.editor().experiments;
  });
  afterAll(() => bench.platform.stop());

  it('are created as drafts with every default written out, and read back the same', async () => {
    const created = await create({}, 'readable');
    expect(created).toMatchObject({
      name: `${parent}/experiments/readable`,
      state: State.DRAFT,
      seed: 'readable',
      etag: '1',
      winnerVariant: '',
    });
    expect(created.startTime).toBeUndefined();
    expect(await client.getExperiment({ name: created.name })).toEqual(created);
  });

  it('are created once', async () => {
    await create({}, 'twice');
    await expect(create({}, 'twice')).rejects.toMatchObject({ kind: 'ALREADY_EXISTS', reason: 'EXPERIMENT_EXISTS' });
  });

  it('are created once by a repeated request, with the same answer', async () => {
    const request = { parent, experimentId: 'retried', experiment: aDefinition(), requestId: randomUUID() };
    const [one, two] = await Promise.all([client.createExperiment(request), client.createExperiment(request)]);
    expect(one).toEqual(two);
  });

  it('are refused where a rule is broken, by field', async () => {
    const bad = create({
      variants: [
        { id: 'only', control: true, weightBasisPoints: 5000 },
        { id: 'too', weightBasisPoints: 4000 },
      ],
    });
    await expect(bad).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', violations: [{ field: 'experiment.variants' }] });
    await expect(client.createExperiment({ parent, experimentId: 'empty' })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
  });

  it('may not point at another tenant', async () => {
    const variants = aDefinition().variants.map((variant) => ({
      ...variant,
      content: { case: 'target' as const, value: 'tenants/other/models/m/versions/1.0.0' },
    }));
    await expect(create({ variants })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
  });

  it('do not exist for others', async () => {
    const { name } = await create();
    await expect(client.getExperiment({ name: `${parent}/experiments/none` })).rejects.toMatchObject({ kind: 'NOT_FOUND' });
    const other = bench.editor('other').experiments;
    await expect(other.getExperiment({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    expect((await other.listExperiments({ parent: 'tenants/other' })).experiments).toEqual([]);
  });

  it('are listed newest first, page by page, each once', async () => {
    for (let index = 0; index < 5; index++) await create();
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listExperiments({ parent, pageSize: 2, pageToken });
      names.push(...page.experiments.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const all = (await client.listExperiments({ parent })).experiments;
    expect(names).toEqual(all.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toBe(`${parent}/experiments/exp-${count}`);
    await expect(client.listExperiments({ parent, pageToken: 'x' })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
  });

  it('are edited while drafts: fields named, etag checked', async () => {
    const { name, etag } = await create();
    const updated = await client.updateExperiment({
      experiment: { name, etag, displayName: 'Renamed', seed: 'ignored' },
      updateMask: { paths: ['display_name'] },
    });
    expect(updated).toMatchObject({ displayName: 'Renamed', seed: `exp-${count}`, etag: '2' });
    const stale = client.updateExperiment({ experiment: { name, etag, displayName: 'x' }, updateMask: { paths: ['display_name'] } });
    await expect(stale).rejects.toMatchObject({ kind: 'ABORTED', reason: 'EXPERIMENT_CHANGED' });
    const whole = await client.updateExperiment({ experiment: { ...aDefinition({ hypothesis: 'more data' }), name } });
    expect(whole).toMatchObject({ hypothesis: 'more data', displayName: 'Better digits' });
    const nameless = client.updateExperiment({ experiment: aDefinition() });
    await expect(nameless).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', violations: [{ field: 'experiment.name' }] });
    const illegal = client.updateExperiment({ experiment: { name }, updateMask: { paths: ['state'] } });
    await expect(illegal).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', violations: [{ field: 'update_mask' }] });
    await client.startExperiment({ name });
    const late = client.updateExperiment({ experiment: { name, displayName: 'x' }, updateMask: { paths: ['display_name'] } });
    await expect(late).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'EXPERIMENT_STATE' });
  });

  it('start, pause, resume and end, with an event for each step and a decision at the end', async () => {
    const { name } = await create();
    expect((await client.startExperiment({ name })).startTime).toBeDefined();
    await expect(client.startExperiment({ name })).rejects.toMatchObject({ reason: 'EXPERIMENT_STATE' });
    expect((await client.pauseExperiment({ name, reason: 'holiday' })).state).toBe(State.PAUSED);
    expect((await client.resumeExperiment({ name })).state).toBe(State.RUNNING);
    await expect(client.completeExperiment({ name, winnerVariant: 'third' })).rejects.toMatchObject({
      violations: [{ field: 'winner_variant' }],
    });
    const completed = await client.completeExperiment({ name, winnerVariant: 'new', reason: 'enough' });
    expect(completed).toMatchObject({ state: State.COMPLETED, winnerVariant: 'new' });
    await expect(client.rollBackExperiment({ name })).rejects.toMatchObject({ reason: 'EXPERIMENT_STATE' });
    const { decisions } = await client.listDecisions({ parent: name, pageSize: 1 });
    expect(decisions).toMatchObject([
      {
        winnerVariant: 'new',
        decidedBy: 'tenants/acme/apiKeys/test',
        evidence: { reason: 'enough', cause: experiments.EvidenceCause.REQUESTED },
      },
    ]);
    const events = await bench.announced(name, 'ExperimentConcluded');
    expect(events.map(({ fact }) => fact)).toEqual(['ExperimentStarted', 'ExperimentPaused', 'ExperimentStarted', 'ExperimentConcluded']);
    expect(events[1]?.data).toMatchObject({ reason: 'holiday', pausedBy: 'tenants/acme/apiKeys/test' });
  });

  it('end without a winner, or in a rollback, where asked to', async () => {
    const [one, two] = [await bench.running('no-winner'), await bench.running('rolled-back')];
    expect(await client.completeExperiment({ name: one })).toMatchObject({ state: State.COMPLETED, winnerVariant: '' });
    expect(await client.rollBackExperiment({ name: two, reason: 'broken' })).toMatchObject({ state: State.ROLLED_BACK });
    const { decisions, nextPageToken } = await client.listDecisions({ parent: two, pageSize: 1 });
    expect(decisions[0]?.kind).toBe(experiments.DecisionKind.ROLLED_BACK);
    expect((await client.listDecisions({ parent: two, pageSize: 1, pageToken: nextPageToken })).decisions).toEqual([]);
    const events = await bench.announced(two, 'ExperimentRolledBack');
    expect(events.map(({ fact }) => fact)).toEqual(['ExperimentStarted', 'ExperimentRolledBack']);
    expect(events[1]?.data).toMatchObject({ controlVariant: 'old', target: 'tenants/acme/models/digits/versions/1.0.0' });
    await expect(client.listDecisions({ parent: `${parent}/experiments/none` })).rejects.toMatchObject({ kind: 'NOT_FOUND' });
  });

  it('end once, however many ask at once', async () => {
    const name = await bench.running('contended');
    const ends = await Promise.allSettled([
      client.completeExperiment({ name, winnerVariant: 'new' }),
      client.rollBackExperiment({ name }),
      client.completeExperiment({ name, winnerVariant: 'old' }),
    ]);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await client.listDecisions({ parent: name })).decisions).toHaveLength(1);
  });

  it('are ended by the workflow orchestrator, not by viewers', async () => {
    const name = await bench.running('by-workflow');
    const as = (role: string, tenant: string) => bench.platform.client(experiments.ExperimentService, { tenant, roles: [role] });
    await expect(as('viewer', 'acme').completeExperiment({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    const workflow = as('service:workflow-orchestrator', 'platform');
    const mayAct = () =>
      workflow.getExperiment({ name }).then(
        () => true,
        () => false,
      );
    expect(await eventually(mayAct, (may) => may)).toBe(true);
    expect((await workflow.completeExperiment({ name })).state).toBe(State.COMPLETED);
  });

  it('assign units the same way one by one and in batches', async () => {
    const name = await bench.running('assigning', { condition: 'unit.country != "FR"' });
    const { assignments } = bench.editor();
    const units = Array.from({ length: 50 }, (_, unit) => ({ unitId: `u${unit}`, attributes: { country: unit === 7 ? 'FR' : 'CH' } }));
    const batch = (await assignments.batchAssign({ name, units })).assignments;
    const single = await Promise.all(units.map((unit) => assignments.assignVariant({ name, ...unit })));
    expect(single).toEqual(batch);
    expect(batch.map(({ unitId }) => unitId)).toEqual(units.map(({ unitId }) => unitId));
    expect(batch[7]).toMatchObject({ variant: 'old', inExperiment: false, reason: experiments.AssignmentReason.NOT_TARGETED });
    expect(batch.find(({ variant }) => variant === 'new')).toMatchObject({
      inExperiment: true,
      content: { case: 'target', value: 'tenants/acme/models/digits/versions/1.1.0' },
    });
    await bench.editor().experiments.rollBackExperiment({ name });
    const after = (await assignments.batchAssign({ name, units })).assignments;
    expect(after.every(({ variant, inExperiment }) => variant === 'old' && !inExperiment)).toBe(true);
  });

  it('count against the plan from start to end, and give it back', async () => {
    const quotas = bench.platform.get(FakeQuotas);
    const [first, second] = [await create(), await create()];
    await client.startExperiment({ name: first.name });
    quotas.limit = quotas.holders.size;
    await expect(client.startExperiment({ name: second.name })).rejects.toMatchObject({
      kind: 'RESOURCE_EXHAUSTED',
      reason: 'QUOTA_EXCEEDED',
    });
    expect((await client.getExperiment({ name: second.name })).state).toBe(State.DRAFT);
    await client.rollBackExperiment({ name: first.name });
    const isHeld = () => Promise.resolve(quotas.holders.has(first.name));
    expect(await eventually(isHeld, (held) => !held)).toBe(false);
    expect((await client.startExperiment({ name: second.name })).state).toBe(State.RUNNING);
    quotas.limit = Number.POSITIVE_INFINITY;
  });

  it('survive a restart', async () => {
    const name = await bench.running('restarted');
    await bench.expose(name, { id: 'e', unitId: 'u', variant: 'new' });
    const before = await client.getExperiment({ name });
    const again = await Bench.start({ databaseUrl: bench.platform.databaseUrl });
    try {
      expect(await again.editor().experiments.getExperiment({ name })).toEqual(before);
      expect((await again.expose(name, { id: 'e', unitId: 'u', variant: 'new' })).duplicateCount).toBe(1n);
      expect((await again.results(name)).units).toBe(1n);
    } finally {
      await again.platform.stop();
    }
  });
});
