import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { randomUUID } from 'node:crypto';
import { monitoring } from '@q2/contracts';
import { ingressContract, Producer, ProducerModule, startTestPlatform, type ProducedRecord, type TestPlatform } from '@q2/testing';
import { MonitoringModule } from '../monitoring.module.js';

const topic = 'q2.ingress.metrics.v1';
const type = 'q2.monitoring.v1.RecordStreamRequest';
const operator = { tenant: 'platform', roles: ['operator'] };

describe('metrics of producers outside', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [MonitoringModule, ProducerModule], environment: { MONITORING_MAX_SERIES: '3' } });
    for (const tenant of ['acme', 'globex', 'initech']) await platform.get(Producer).announceTenant(tenant, 'ACTIVE');
  });
  afterAll(() => platform.stop());

  /** Points of a metric, each with the value 1: their sum is their number. */
  async function pointsOf(tenant: string, metric = 'orders', range = { fromMs: Date.now() - 3_600_000, toMs: Date.now() + 60_000 }) {
    const { series } = await platform.client(monitoring.MetricService, operator).queryRange({
      ...{ parent: `tenants/${tenant}`, metric, aggregation: monitoring.Aggregation.SUM },
      ...{ window: durationFromMs(60_000), startTime: timestampFromMs(range.fromMs), endTime: timestampFromMs(range.toMs) },
    });
    return series.flatMap(({ samples }) => samples).reduce((sum, { value }) => sum + value, 0);
  }

  ingressContract(() => ({
    ...{ platform, topic, type },
    body: (tenant) => ({ parent: `tenants/${tenant}`, points: [{ metric: 'orders', labels: { shop: 'a' }, value: 1 }] }),
    effects: (tenant) => pointsOf(tenant),
    wrongType: { body: () => ({ points: [{ metric: 'orders', value: 'many' }] }), says: 'value' },
    outOfBounds: { body: () => ({ points: [{ metric: 'not a metric', value: 1 }] }), says: 'points[0].metric' },
  }));

  const aRecord = async (change: Partial<ProducedRecord>): Promise<ProducedRecord> => ({
    ...{ topic, type, tenant: 'acme', credential: await platform.token({ tenant: 'acme', roles: ['producer'] }) },
    ...{ body: { points: [{ metric: 'm', value: 1 }] }, ...change },
  });
  const producer = () => platform.get(Producer);

  it('takes the time of the event for points that name none', async () => {
    const measuredAt = new Date(Date.now() - 1_800_000);
    const record = await aRecord({ headers: { ce_time: measuredAt.toISOString() }, body: { points: [{ metric: 'late', value: 1 }] } });
    await producer().untilSettled(topic, 1, () => producer().send(record));
    const within = { fromMs: measuredAt.getTime(), toMs: measuredAt.getTime() + 1_000 };
    expect(await pointsOf('acme', 'late', within)).toBe(1);
  });

  it('counts what a record may add, tells the rest by its counter, and refuses a record none of which counts', async () => {
    const metric = 'wide';
    const points = ['a', 'b', 'c', 'd'].map((host) => ({ metric, labels: { host }, value: 1 }));
    const credential = await platform.token({ tenant: 'initech', roles: ['producer'] });
    const record = await aRecord({ tenant: 'initech', credential, body: { points } });
    await producer().untilSettled(topic, 1, () => producer().send(record));
    expect(await pointsOf('initech', metric)).toBe(3);
    const text = await (await fetch(`http://127.0.0.1:${platform.process.httpPort}/metrics`)).text();
    expect(text).toContain(`q2_ingress_refused_items_total{topic="${topic}",reason="TOO_MANY_SERIES"} 1`);

    const old = [{ metric, labels: { host: 'a' }, value: 1, time: '2020-01-01T00:00:00Z' }];
    const source = `/old/${randomUUID()}`;
    await producer().send(await aRecord({ tenant: 'initech', credential, source, body: { points: old } }));
    const { headers } = await producer().deadLetterFrom(source);
    expect(headers).toMatchObject({ dlq_reason: 'POINT_TOO_OLD', dlq_consumer: 'monitoring.ingress', ce_tenant: 'initech' });
    expect(headers['q2_principal']).toBe('tenants/initech/apiKeys/test');
  });

  it('remembers the batch over gRPC too, where the record names one', async () => {
    const batchId = randomUUID();
    const points = [{ metric: 'twice', value: 1 }];
    const record = await aRecord({ body: { batchId, points } });
    await producer().untilSettled(topic, 1, () => producer().send(record));
    const requests = (async function* () {
      yield await Promise.resolve({ parent: 'tenants/acme', batchId, points });
    })();
    const answer = await platform.client(monitoring.MetricService, { tenant: 'acme', roles: ['producer'] }).recordStream(requests);
    expect(answer).toMatchObject({ acceptedPoints: 0n, duplicatePoints: 1n });
  });
});
