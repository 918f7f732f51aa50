import { randomUUID } from 'node:crypto';
import { startTestDatabase } from '@q2/database/testing';
import { describeWithKafka, startTestKafka } from '@q2/events/testing';
import { jest } from '@jest/globals';
import { configuration, processSettings } from './configuration.js';
import type { Logger } from './logger.js';
import { openBus, type OpenBus } from './open-bus.js';

const lines: string[] = [];
const write = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger, flush: () => Promise.resolve() };

function open(environment: Record<string, string>, databaseUrl = ''): Promise<OpenBus> {
  return openBus({ settings: configuration(processSettings, environment), databaseUrl, logger, member: randomUUID(), name: 'test' });
}

/** Publishes an event of the platform and gets it back. */
async function roundTrip({ bus }: OpenBus): Promise<void> {
  const arrived = new Promise<string>((resolve) => {
    const handle = async (records: readonly { key: string }[]) => resolve(records.map(({ key }) => key).join());
    void bus.subscribe({ group: `test.${randomUUID()}`, topics: ['q2.ingress.events.v1'], handle });
  });
  await bus.publish([{ topic: 'q2.ingress.events.v1', key: 'there', headers: {}, value: Buffer.from('v') }]);
  expect(await arrived).toBe('there');
}

describe('openBus', () => {
  jest.setTimeout(180_000);

  it('opens the database bus where no brokers are set', async () => {
    const server = await startTestDatabase();
    const open1 = await open({}, server.url);
    try {
      expect(open1.bus.system).toBe('postgresql');
      await roundTrip(open1);
    } finally {
      await open1.close();
      await server.stop();
    }
  });

  it('says which brokers cannot be reached, and that a password would go to them unencrypted', async () => {
    const password = new URL(import.meta.url).pathname;
    const user = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'q2', KAFKA_SASL_PASSWORD_FILE: password };
    await expect(open({ KAFKA_BROKERS: '127.0.0.1:1,127.0.0.1:2', ...user })).rejects.toMatchObject({
      reason: 'KAFKA_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1, 127.0.0.1:2 cannot be reached'),
    });
    expect(lines.join('\n')).toContain('credentials go to Kafka unencrypted');
    expect(lines.join('\n')).not.toContain('randomUUID');
  });

  it('refuses settings that do not fit together', async () => {
    await expect(open({ KAFKA_TLS: 'true' })).rejects.toMatchObject({ name: 'ConfigurationError' });
  });
});

describeWithKafka('openBus with brokers', () => {
  it('opens Kafka, with all topics of the platform and of producers outside', async () => {
    const kafka = await startTestKafka();
    const opened = await open({ KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC_PARTITIONS: '2' });
    try {
      expect(opened.bus.system).toBe('kafka');
      await roundTrip(opened);
    } finally {
      await opened.close();
      await kafka.stop();
    }
  });
});
