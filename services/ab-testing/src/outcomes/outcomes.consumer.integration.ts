import { randomUUID } from 'node:crypto';
import { experiments } from '@q2/contracts';
import { ingressContract, Producer, ProducerModule, startTestPlatform, type ProducedRecord, type TestPlatform } from '@q2/testing';
import { AbTestingModule } from '../ab-testing.module.js';
import { aDefinition } from '../definition.testing.js';
import { NeighboursModule } from '../neighbours.testing.js';

const topic = 'q2.ingress.outcomes.v1';
const type = 'q2.experiments.v1.RecordOutcomesStreamRequest';
const operator = { tenant: 'platform', roles: ['operator'] };
const experimentOf = (tenant: string) => `tenants/${tenant}/experiments/checkout`;

/** Models are the tenant's own. */
function definitionOf(tenant: string): experiments.Experiment {
  const definition = aDefinition();
  for (const { content } of definition.variants) if (content.case === 'target') content.value = content.value.replace('acme', tenant);
  return definition;
}

describe('outcomes of producers outside', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [AbTestingModule, NeighboursModule, ProducerModule] });
    for (const tenant of ['acme', 'globex', 'hooli']) {
      await producer().announceTenant(tenant, 'ACTIVE');
      const client = platform.client(experiments.ExperimentService, operator);
      await client.createExperiment({ parent: `tenants/${tenant}`, experimentId: 'checkout', experiment: definitionOf(tenant) });
      await client.startExperiment({ name: experimentOf(tenant) });
    }
  });
  afterAll(() => platform.stop());

  const producer = () => platform.get(Producer);

  /** Units that are known by now to have met a variant. */
  async function unitsOf(tenant: string): Promise<number> {
    const { units } = await platform.client(experiments.AnalysisService, operator).getResults({ name: experimentOf(tenant) });
    return Number(units);
  }

  const exposureOf = (tenant: string) => ({
    experiment: experimentOf(tenant),
    exposures: [{ id: randomUUID(), unitId: randomUUID(), variant: 'old' }],
  });

  ingressContract(() => ({
    ...{ platform, topic, type: 'q2.experiments.v1.RecordExposuresStreamRequest' },
    body: exposureOf,
    effects: unitsOf,
    wrongType: { body: (tenant) => ({ ...exposureOf(tenant), exposures: { id: '1' } }), says: 'exposures' },
    outOfBounds: {
      body: (tenant) => ({ experiment: experimentOf(tenant), exposures: [{ id: '', unitId: 'u', variant: 'old' }] }),
      says: 'exposures[0].id',
    },
  }));

  const aRecord = async (change: Partial<ProducedRecord>): Promise<ProducedRecord> => ({
    ...{ topic, type, tenant: 'acme', credential: await platform.token({ tenant: 'acme', roles: ['producer'] }), body: {}, ...change },
  });

  async function conversions(): Promise<{ units: bigint; mean: number } | undefined> {
    const { metrics } = await platform.client(experiments.AnalysisService, operator).getResults({ name: experimentOf('acme') });
    const found = metrics.find(({ metric }) => metric === 'correct')?.variants.find(({ variant }) => variant === 'new');
    return found && { units: found.units, mean: found.mean };
  }

  it('counts an outcome for the variant that its unit met, whichever came first', async () => {
    const experiment = experimentOf('acme');
    const outcome = await aRecord({ body: { experiment, outcomes: [{ id: 'o-1', unitId: 'u-1', metric: 'correct', value: 1 }] } });
    await producer().untilSettled(topic, 1, () => producer().send(outcome));
    expect(await conversions()).toMatchObject({ units: 0n });
    const exposure = await aRecord({
      type: 'q2.experiments.v1.RecordExposuresStreamRequest',
      body: { experiment, exposures: [{ id: 'e-1', unitId: 'u-1', variant: 'new' }] },
    });
    await producer().untilSettled(topic, 1, () => producer().send(exposure));
    expect(await conversions()).toMatchObject({ units: 1n, mean: 1 });
  });

  it.each([
    [{ experiment: 'tenants/acme/experiments/none', metric: 'correct', value: 1 }, 'EXPERIMENT_NOT_FOUND'],
    [{ experiment: experimentOf('acme'), metric: 'none', value: 1 }, 'UNKNOWN_METRIC'],
    [{ experiment: experimentOf('acme'), metric: 'correct', value: 0.5 }, 'NOT_A_PROPORTION'],
  ])('refuses an outcome that cannot count: %j', async ({ experiment, ...outcome }, reason) => {
    const source = `/refused/${randomUUID()}`;
    const body = { experiment, outcomes: [{ id: randomUUID(), unitId: 'u-2', ...outcome }] };
    await producer().send(await aRecord({ source, body }));
    expect((await producer().deadLetterFrom(source)).headers).toMatchObject({ dlq_reason: reason, dlq_consumer: 'ab-testing.ingress' });
  });

  it('takes an event that was refused once it is right', async () => {
    const name = 'tenants/acme/experiments/later';
    const body = { experiment: name, outcomes: [{ id: 'o-2', unitId: 'u-3', metric: 'correct', value: 1 }] };
    const record = await aRecord({ source: '/early', id: 'same', body });
    await producer().send(record);
    expect((await producer().deadLetterFrom('/early')).headers).toMatchObject({ dlq_reason: 'EXPERIMENT_NOT_FOUND' });
    const client = platform.client(experiments.ExperimentService, operator);
    await client.createExperiment({ parent: 'tenants/acme', experimentId: 'later', experiment: definitionOf('acme') });
    await client.startExperiment({ name });
    await producer().untilSettled(topic, 1, () => producer().send(record));
  });
});
