import { randomBytes, randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { Kafka } from 'kafkajs';
import { eventually, freshTopic, plainMessage, silentLog, textOf } from '../contract/contract-world.js';
import type { BusRecord } from '../event-bus.port.js';
import { describeWithKafka, startTestKafka, type TestKafka } from '../testing/index.js';
import { declareTopics } from '../topics.js';
import { KafkaBus } from './kafka-bus.js';
import type { KafkaBusOptions } from './kafka-options.js';
import { readBatchHeaders } from './record-batch.fixture.js';

describeWithKafka('what Kafka keeps of the bus', () => {
  let kafka: TestKafka;
  const buses: KafkaBus[] = [];
  jest.setTimeout(180_000);

  beforeAll(async () => {
    kafka = await startTestKafka();
  });

  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });

  afterAll(() => kafka.stop());

  async function makeBus(topics: readonly string[], options: Partial<KafkaBusOptions> = {}): Promise<KafkaBus> {
    const declared = declareTopics(topics, { partitions: 3 });
    const bus = await KafkaBus.connect({
      ...{ brokers: kafka.brokers, clientId: randomUUID(), log: silentLog, topics: declared, fetchWaitMs: 100 },
      ...options,
    });
    buses.push(bus);
    return bus;
  }

  async function asAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: kafka.brokers, logLevel: 0 }).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  it('is compressed where that pays, comes from an idempotent producer, and bears the time of the broker', async () => {
    const topic = freshTopic();
    const bus = await makeBus([topic]);
    await bus.publish([plainMessage(topic, 'k', 'short')]);
    await bus.publish(Array.from({ length: 100 }, (_, index) => plainMessage(topic, 'k', `${index} ${'long '.repeat(20)}`)));
    const [broker = ''] = kafka.brokers;
    const batches = (await Promise.all([0, 1, 2].map((partition) => readBatchHeaders(broker, topic, partition)))).flat();
    expect(batches).toMatchObject([
      { isGzipped: false, hasLogAppendTime: true, records: 1 },
      { isGzipped: true, hasLogAppendTime: true, records: 100 },
    ]);
    for (const { producerId } of batches) expect(producerId).toBeGreaterThanOrEqual(0n);
  });

  it('lies in the partitions that Java clients choose for the keys', async () => {
    const topic = freshTopic();
    const bus = await makeBus([topic]);
    const records: BusRecord[] = [];
    // murmur2 of these keys, by Kafka's own DefaultPartitioner, modulo 3.
    const keys = ['a', 'tenants/acme', 'tenants/acme/models/churn', 'tenants/ümläut'];
    await bus.publish(keys.map((key) => plainMessage(topic, key, key)));
    await bus.subscribe({ group: topic, topics: [topic], handle: (batch) => Promise.resolve(void records.push(...batch)) });
    await eventually(() => records.length === keys.length);
    const partitions = keys.map((key) => records.find((record) => record.key === key)?.partition);
    expect(partitions).toEqual([1, 1, 0, 2]);
  });

  it('is in topics as declared, with dead letters beside; what exists is left as it is', async () => {
    const topic = freshTopic();
    await asAdmin((admin) => admin.createTopics({ topics: [{ topic: `${topic}.old`, numPartitions: 1 }] }));
    const warnings: object[] = [];
    const log = { ...silentLog, warn: (details: object) => void warnings.push(details) };
    await makeBus([topic, `${topic}.old`], { log });
    await makeBus([topic]);
    const metadata = await asAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic, `${topic}.dlq`, `${topic}.old`] }));
    expect(Object.fromEntries(metadata.topics.map(({ name, partitions }) => [name, partitions.length]))).toEqual({
      [topic]: 3,
      [`${topic}.dlq`]: 1,
      [`${topic}.old`]: 1,
    });
    expect(warnings).toContainEqual({ topic: `${topic}.old`, existing: 1, declared: 3 });
    const configs = await asAdmin((admin) =>
      admin.describeConfigs({ resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }], includeSynonyms: false }),
    );
    expect(configs.resources[0]?.configEntries).toMatchObject([{ configName: 'retention.ms', configValue: '604800000' }]);
  });

  it('never gets a topic by accident', async () => {
    const [declared, other] = [freshTopic(), freshTopic()];
    const bus = await makeBus([declared]);
    const refusal = { reason: 'TOPIC_NOT_DECLARED', message: expect.stringContaining(other) };
    await expect(bus.publish([plainMessage(declared, 'k', '1'), plainMessage(other, 'k', '2')])).rejects.toMatchObject(refusal);
    await expect(bus.subscribe({ group: 'g', topics: [other], handle: () => Promise.resolve() })).rejects.toMatchObject(refusal);
    expect(await asAdmin((admin) => admin.listTopics())).not.toContain(other);
  });

  it('says why topics cannot be created', async () => {
    const topic = freshTopic();
    await expect(makeBus([topic], { replicationFactor: 3 })).rejects.toMatchObject({
      reason: 'TOPICS_NOT_CREATED',
      message: expect.stringMatching(new RegExp(`${topic}, ${topic}.dlq: .*[Rr]eplication`)),
    });
  });

  it('never has half of a large publication, and goes on after one that is refused', async () => {
    const topic = freshTopic();
    const bus = await makeBus([topic]);
    const records: BusRecord[] = [];
    await bus.subscribe({ group: topic, topics: [topic], handle: (batch) => Promise.resolve(void records.push(...batch)) });
    const noise = (bytes: number) => randomBytes(bytes).toString('base64');
    const tooLarge = bus.publish([plainMessage(topic, 'k', noise(2_000_000))]);
    await expect(tooLarge).rejects.toMatchObject({ reason: 'KAFKA_REFUSED', message: expect.stringContaining('larger than') });
    const large = Array.from({ length: 30 }, (_, index) => plainMessage(topic, 'k', `${index} ${noise(100_000)}`));
    await Promise.all([bus.publish(large), bus.publish([plainMessage(topic, 'other', 'small')])]);
    await eventually(() => records.length === 31);
    const inOrder = records.filter(({ key }) => key === 'k').map((record) => Number(textOf(record).split(' ')[0]));
    expect(inOrder).toEqual(large.map((_, index) => index));
  });

  it('may come from producers outside, without key, headers or value', async () => {
    const topic = freshTopic();
    const bus = await makeBus([topic]);
    const producer = new Kafka({ brokers: kafka.brokers, logLevel: 0 }).producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: null }, { key: 'k', value: 'v', headers: { twice: ['1', '2'] } }] });
    await producer.disconnect();
    const records: BusRecord[] = [];
    await bus.subscribe({ group: topic, topics: [topic], handle: (batch) => Promise.resolve(void records.push(...batch)) });
    await eventually(() => records.length === 2);
    const bare = records.find(({ key }) => key === '');
    expect({ headers: bare?.headers, text: bare && textOf(bare) }).toEqual({ headers: {}, text: '' });
    expect(records.find(({ key }) => key === 'k')?.headers).toEqual({ twice: '2' });
  });

  it('is read at the pace of the handler, and no partition waits for another', async () => {
    const topic = freshTopic();
    const bus = await makeBus([topic], { batchSize: 5 });
    const sizes: number[] = [];
    const records: BusRecord[] = [];
    let isHeld = true;
    const handle = async (batch: readonly BusRecord[]) => {
      await eventually(() => !isHeld || batch[0]?.partition !== 0);
      sizes.push(batch.length);
      records.push(...batch);
    };
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    const publish = (round: number) =>
      bus.publish(keys.flatMap((key) => [1, 2, 3, 4].map((n) => plainMessage(topic, key, `${round}.${n}`))));
    await bus.subscribe({ group: topic, topics: [topic], handle });
    await publish(1);
    await publish(2);
    await eventually(() => records.some((record) => textOf(record) === '2.4'));
    await publish(3);
    await eventually(() => records.some((record) => textOf(record) === '3.4'));
    expect(records.filter(({ partition }) => partition === 0)).toEqual([]);
    isHeld = false;
    await eventually(() => records.length >= 240);
    expect(new Set(records.map((record) => `${record.key} ${textOf(record)}`)).size).toBe(240);
    expect(Math.max(...sizes)).toBe(5);
  });
});
