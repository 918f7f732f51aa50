import { jest } from '@jest/globals';
import { eventually, freshTopic, plainMessage, silentLog, textOf } from '../contract/contract-world.js';
import type { BusRecord } from '../event-bus.port.js';
import { describeWithOwnKafka } from '../testing/index.js';
import { declareTopics } from '../topics.js';
import { KafkaBus } from './kafka-bus.js';
import type { KafkaBusOptions } from './kafka-options.js';
import { startSecuredKafka, type SecuredKafka } from './secured-kafka.fixture.js';

describeWithOwnKafka('a Kafka that asks who calls', () => {
  let kafka: SecuredKafka;
  const topic = freshTopic();
  const buses: KafkaBus[] = [];
  const lines: string[] = [];
  jest.setTimeout(180_000);

  beforeAll(async () => {
    kafka = await startSecuredKafka();
  });

  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });

  afterAll(() => kafka.stop());

  const note = (details: object, message: string) => void lines.push(`${message} ${JSON.stringify(details)}`);

  async function connect(broker: string, options: Pick<KafkaBusOptions, 'tls' | 'sasl'> = {}): Promise<KafkaBus> {
    const log = { ...silentLog, info: note, warn: note, error: note };
    const topics = declareTopics([topic], { partitions: 1 });
    const bus = await KafkaBus.connect({ brokers: [broker], clientId: 'test', log, topics, fetchWaitMs: 100, ...options });
    buses.push(bus);
    return bus;
  }

  async function roundTrip(bus: KafkaBus, text: string): Promise<void> {
    const records: BusRecord[] = [];
    await bus.subscribe({ group: text, topics: [topic], handle: (batch) => Promise.resolve(void records.push(...batch)) });
    await bus.publish([plainMessage(topic, 'k', text)]);
    await eventually(() => records.some((record) => textOf(record) === text));
    expect(await bus.lag()).toMatchObject([{ group: text, topic }]);
  }

  const tls = () => ({ ca: kafka.ca });

  const closed = (broker: string) => ({
    reason: 'KAFKA_UNREACHABLE',
    message: expect.stringMatching(`^Kafka at ${broker} cannot be reached: the connection was closed, as brokers do where`),
  });

  it('lets a user in by PLAIN, over TLS', async () => {
    const sasl = { mechanism: 'plain', username: 'plain', password: 'sesame' } as const;
    await roundTrip(await connect(kafka.sasl, { tls: tls(), sasl }), 'plain');
  });

  it('lets users in by SCRAM', async () => {
    for (const [mechanism, username] of [
      ['scram-sha-256', 'scram-256'],
      ['scram-sha-512', 'scram-512'],
    ] as const) {
      await roundTrip(await connect(kafka.sasl, { tls: tls(), sasl: { mechanism, username, password: 'sesame' } }), username);
    }
  });

  it('lets a client in by its certificate, and none without', async () => {
    const { certificate, key } = kafka;
    await roundTrip(await connect(kafka.mutual, { tls: { ...tls(), certificate, key } }), 'mutual');
    await expect(connect(kafka.mutual, { tls: tls() })).rejects.toMatchObject({
      reason: 'KAFKA_TLS_FAILED',
      message: expect.stringContaining(kafka.mutual),
    });
  });

  it.each(['plain', 'scram-sha-512'] as const)('refuses a wrong password by %s, and nobody writes it down', async (mechanism) => {
    const sasl = { mechanism, username: 'scram-512', password: 'open-barley' };
    const refused = connect(kafka.sasl, { tls: tls(), sasl });
    await expect(refused).rejects.toMatchObject({
      reason: 'KAFKA_AUTHENTICATION_FAILED',
      message: expect.stringMatching(new RegExp(`^Kafka at ${kafka.sasl} refused user scram-512: `)),
    });
    await refused.catch((error: unknown) => lines.push(JSON.stringify(error)));
    expect(lines.join('\n')).not.toMatch(/open-barley|sesame/);
  });

  it('refuses a client without a user, and one with a user where there are none', async () => {
    await expect(connect(kafka.sasl, { tls: tls() })).rejects.toMatchObject(closed(kafka.sasl));
    const sasl = { mechanism: 'plain', username: 'plain', password: 'sesame' } as const;
    await expect(connect(kafka.open, { sasl })).rejects.toMatchObject({ reason: 'KAFKA_AUTHENTICATION_FAILED' });
  });

  it('is not trusted where nobody trusted has signed its certificate', async () => {
    await expect(connect(kafka.sasl, { tls: {} })).rejects.toMatchObject({
      reason: 'KAFKA_TLS_FAILED',
      message: expect.stringMatching(/^no encrypted connection to Kafka at .*: .*(self-signed|verify)/),
    });
  });

  it('is not spoken to encrypted where it does not encrypt, nor the other way round', async () => {
    await expect(connect(kafka.open, { tls: tls() })).rejects.toMatchObject(closed(kafka.open));
    await expect(connect(kafka.sasl)).rejects.toMatchObject(closed(kafka.sasl));
  });
});
