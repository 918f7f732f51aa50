import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { eventually, firstArrivals, freshTopic, plainMessage, silentLog, textOf } from '../contract/contract-world.js';
import type { BusRecord } from '../event-bus.port.js';
import { describeWithOwnKafka, startTestKafka, type TestKafka } from '../testing/index.js';
import { declareTopics } from '../topics.js';
import { KafkaBus } from './kafka-bus.js';
import type { KafkaBusOptions } from './kafka-options.js';

const keys = Array.from({ length: 6 }, (_, index) => `tenants/acme/models/m-${String(index)}`);

describeWithOwnKafka('a broker that is killed', () => {
  let kafka: TestKafka;
  const buses: KafkaBus[] = [];
  jest.setTimeout(300_000);

  beforeAll(async () => {
    kafka = await startTestKafka();
  });

  afterEach(async () => {
    await kafka.start().catch(() => undefined);
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });

  afterAll(() => kafka.stop());

  async function makeBus(topic: string, options: Partial<KafkaBusOptions> = {}): Promise<KafkaBus> {
    const bus = await KafkaBus.connect({
      brokers: kafka.brokers,
      clientId: randomUUID(),
      log: silentLog,
      topics: declareTopics([topic]),
      sessionTimeoutMs: 6_000,
      fetchWaitMs: 100,
      ...options,
    });
    buses.push(bus);
    return bus;
  }

  /** Publishes numbers for each key one after the other, as a relay does: again until it is confirmed. */
  async function publishAll(bus: KafkaBus, topic: string, range: { from: number; to: number }): Promise<number> {
    let rejections = 0;
    for (let number = range.from; number < range.to; number += 1) {
      const messages = keys.map((key) => plainMessage(topic, key, String(number)));
      for (let isStored = false; !isStored;) {
        isStored = await bus.publish(messages).then(
          () => true,
          () => false,
        );
        if (!isStored) rejections += 1;
      }
    }
    return rejections;
  }

  const expected = (count: number) => {
    const numbers = Array.from({ length: count }, (_, index) => String(index));
    return new Map(keys.map((key) => [key, numbers]));
  };

  it('loses nothing and keeps the order, and what a producer sent twice is stored once', async () => {
    const topic = freshTopic();
    const [publisher, reader] = [await makeBus(topic, { publishTimeoutMs: 120_000 }), await makeBus(topic)];
    const records: BusRecord[] = [];
    await reader.subscribe({ group: topic, topics: [topic], handle: (batch) => Promise.resolve(void records.push(...batch)) });
    await publishAll(publisher, topic, { from: 0, to: 20 });
    const publishing = publishAll(publisher, topic, { from: 20, to: 400 });
    await sleep(300);
    await kafka.kill();
    await sleep(1_000);
    await kafka.start();
    const rejections = await publishing;
    await eventually(() => records.filter(({ key }) => key === keys[0]).some((record) => textOf(record) === '399'));
    await eventually(() => [...firstArrivals(records).values()].every((texts) => texts.length === 400));
    expect(sorted(firstArrivals(records))).toEqual(sorted(expected(400)));
    expect(rejections).toBe(0);

    const stored: BusRecord[] = [];
    const again = await makeBus(topic);
    await again.subscribe({ group: `${topic}.log`, topics: [topic], handle: (batch) => Promise.resolve(void stored.push(...batch)) });
    await eventually(() => stored.length >= 400 * keys.length);
    await sleep(500);
    expect(stored).toHaveLength(400 * keys.length);
  });

  it('is noticed by who publishes and who measures; both go on when it is back', async () => {
    const topic = freshTopic();
    const bus = await makeBus(topic, { publishTimeoutMs: 1_500, lagEveryMs: 0 });
    const records: BusRecord[] = [];
    const handle = (batch: readonly BusRecord[]) => Promise.resolve(void records.push(...batch));
    await bus.subscribe({ group: topic, topics: [topic], handle });
    await bus.publish([plainMessage(topic, 'k', 'before')]);
    await eventually(() => records.length === 1);
    await kafka.kill();
    const unreachable = { reason: 'KAFKA_UNREACHABLE', message: expect.stringContaining(kafka.brokers.join(', ')) };
    await expect(bus.publish([plainMessage(topic, 'k', 'lost?')])).rejects.toMatchObject(unreachable);
    await expect(bus.lag()).rejects.toMatchObject(unreachable);
    await expect(makeBus(topic)).rejects.toMatchObject(unreachable);
    await kafka.start();
    await eventually(() =>
      bus.publish([plainMessage(topic, 'k', 'after')]).then(
        () => true,
        () => false,
      ),
    );
    await eventually(() => records.map(textOf).includes('after'));
    await eventually(async () => (await bus.lag()).every((lag) => lag.records === 0));
  });

  it('does not keep a process from ending', async () => {
    const topic = freshTopic();
    const bus = await makeBus(topic, { publishTimeoutMs: 1_500 });
    await bus.subscribe({ group: topic, topics: [topic], handle: () => Promise.resolve() });
    await bus.publish([plainMessage(topic, 'k', '1')]);
    await eventually(async () => (await bus.lag()).every((lag) => lag.records === 0));
    await kafka.kill();
    await bus.close();
    await expect(bus.publish([plainMessage(topic, 'k', '2')])).rejects.toThrow('the bus is closed');
  });
});

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => a.localeCompare(b));
}
