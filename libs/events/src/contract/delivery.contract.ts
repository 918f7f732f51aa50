import type { BusConsumer, BusRecord, EventBus } from '../event-bus.port.js';
import { eventually, firstArrivals, freshTopic, plainMessage, textOf, type BusContractSetup } from './contract-world.js';

const keys = Array.from({ length: 12 }, (_, index) => `tenants/acme/models/m-${String(index)}`);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index));

/** Publishes each number once for every key, a few at a time. */
async function publishNumbers(bus: EventBus, topic: string, range: readonly string[]): Promise<void> {
  for (let start = 0; start < range.length; start += 5) {
    const slice = range.slice(start, start + 5);
    await bus.publish(slice.flatMap((number) => keys.map((key) => plainMessage(topic, key, number))));
  }
}

/** What a consumer has received, and a handler that notes it. */
function collector(): { readonly records: BusRecord[]; handle(records: readonly BusRecord[]): Promise<void> } {
  const records: BusRecord[] = [];
  return {
    records,
    handle: async (batch) => {
      records.push(...batch);
      await Promise.resolve();
    },
  };
}

/** The part of the contract that concerns the port alone: who gets which records, in which order. */
export function deliveryContract(setup: () => BusContractSetup): void {
  const open: EventBus[] = [];

  async function makeBus(...topics: readonly string[]): Promise<EventBus> {
    const bus = await setup().makeBus(topics);
    open.push(bus);
    return bus;
  }

  // Also after a failure: consumers that nobody stops would keep the process alive.
  afterEach(async () => {
    await Promise.all(open.splice(0).map((bus) => bus.close()));
  });

  describe('delivery', () => {
    it('carries key, headers and value as they are', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const { records, handle } = collector();
      const message = {
        topic,
        key: 'tenants/ümläut',
        headers: { ce_id: '1', note: 'ключ "quoted"' },
        value: Buffer.from([0, 1, 254, 255]),
      };
      await bus.publish([message]);
      await bus.subscribe({ group: 'reader', topics: [topic], handle });
      const [record] = await eventually(() => records.length > 0 && records);
      expect({ ...record, value: Buffer.from(record?.value ?? []) }).toMatchObject({ ...message, value: message.value });
    });

    it('says when the log took a record', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const { records, handle } = collector();
      const publishedAt = Date.now();
      await bus.publish([plainMessage(topic, 'k', '1')]);
      await bus.subscribe({ group: 'reader', topics: [topic], handle });
      const [record] = await eventually(() => records.length > 0 && records);
      expect(record?.storedAt).toBeInstanceOf(Date);
      expect(Math.abs((record?.storedAt.getTime() ?? 0) - publishedAt)).toBeLessThan(60_000);
    });

    it('keeps the order of each key over many publishes', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const { records, handle } = collector();
      await bus.subscribe({ group: 'reader', topics: [topic], handle });
      await publishNumbers(bus, topic, numbers(0, 40));
      await eventually(() => records.length >= 40 * keys.length);
      expect(firstArrivals(records)).toEqual(new Map(keys.map((key) => [key, numbers(0, 40)])));
    });

    it('loses nothing of publishers that publish to the same topics at the same time', async () => {
      const topics = [freshTopic(), freshTopic()];
      const buses = await Promise.all([1, 2, 3].map(() => makeBus(...topics)));
      const { records, handle } = collector();
      await buses[0]?.subscribe({ group: 'reader', topics, handle });
      const publishing = buses.flatMap((bus, publisher) =>
        numbers(0, 20).map((number) => {
          const messages = topics.flatMap((topic) =>
            keys.map((key) => plainMessage(topic, key, `${topic}-${String(publisher)}-${number}`)),
          );
          return bus.publish(publisher === 1 ? messages.reverse() : messages);
        }),
      );
      await Promise.all(publishing);
      const arrived = () => new Set(records.map((record) => `${record.key} ${textOf(record)}`)).size;
      await eventually(() => arrived() === 3 * 20 * 2 * keys.length, arrived);
    });

    it('gives a rejected batch again, and then what comes after it', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const { records, handle } = collector();
      let rejections = 0;
      const rejectTwice = async (batch: readonly BusRecord[]) => {
        rejections += 1;
        if (rejections <= 2) throw new Error('not yet');
        await handle(batch);
      };
      await bus.subscribe({ group: 'reader', topics: [topic], handle: rejectTwice });
      await bus.publish([plainMessage(topic, 'k', '1')]);
      await eventually(() => rejections > 0);
      await bus.publish([plainMessage(topic, 'k', '2')]);
      await eventually(() => records.length >= 2);
      expect([...new Set(records.map(textOf))]).toEqual(['1', '2']);
    });

    it('goes on with other partitions while the batches of one are rejected', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const { records, handle } = collector();
      const [stuck = ''] = keys;
      let isCured = false;
      const rejectStuck = async (batch: readonly BusRecord[]) => {
        if (!isCured && batch.some(({ key }) => key === stuck)) throw new Error('not these');
        await handle(batch);
      };
      await bus.subscribe({ group: `${topic}.reader`, topics: [topic], handle: rejectStuck });
      for (const range of [numbers(0, 5), numbers(5, 10), numbers(10, 15)]) await publishNumbers(bus, topic, range);
      await eventually(() => records.some((record) => textOf(record) === '14'));
      expect(records.map(({ key }) => key)).not.toContain(stuck);
      isCured = true;
      await eventually(() => firstArrivals(records).get(stuck)?.length === 15);
      await eventually(() => firstArrivals(records).size === keys.length);
      expect(firstArrivals(records)).toEqual(new Map([...firstArrivals(records).keys()].map((key) => [key, numbers(0, 15)])));
    });

    it('gives a group that begins to read another topic everything of that, and nothing again of what it had', async () => {
      const [known, added] = [freshTopic(), freshTopic()];
      const bus = await makeBus(known, added);
      const [before, after] = [collector(), collector()];
      const consumer = await bus.subscribe({ group: `${known}.reader`, topics: [known], handle: before.handle });
      await bus.publish([plainMessage(known, 'k', 'old'), plainMessage(added, 'k', 'earliest')]);
      await eventually(() => before.records.length === 1);
      await consumer.stop();
      await bus.subscribe({ group: `${known}.reader`, topics: [known, added], handle: after.handle });
      await eventually(() => after.records.length > 0);
      await bus.publish([plainMessage(known, 'k', 'new')]);
      await eventually(() => after.records.length > 1);
      expect([before.records, after.records].map((records) => records.map(textOf))).toEqual([['old'], ['earliest', 'new']]);
    });

    it('gives a consumer that comes later everything from the earliest record on', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const [early, late] = [collector(), collector()];
      await bus.subscribe({ group: 'early', topics: [topic], handle: early.handle });
      await publishNumbers(bus, topic, numbers(0, 5));
      await eventually(() => early.records.length === 5 * keys.length);
      await bus.subscribe({ group: 'late', topics: [topic], handle: late.handle });
      await eventually(() => late.records.length === 5 * keys.length);
      expect(firstArrivals(late.records)).toEqual(firstArrivals(early.records));
    });

    it('goes on where a group stopped', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      const [before, after] = [collector(), collector()];
      const consumer = await bus.subscribe({ group: 'reader', topics: [topic], handle: before.handle });
      await publishNumbers(bus, topic, numbers(0, 5));
      await eventually(() => before.records.length === 5 * keys.length);
      await consumer.stop();
      await publishNumbers(bus, topic, numbers(5, 10));
      await bus.subscribe({ group: 'reader', topics: [topic], handle: after.handle });
      await eventually(() => after.records.length >= 5 * keys.length);
      expect(firstArrivals(after.records)).toEqual(new Map(keys.map((key) => [key, numbers(5, 10)])));
    });

    it('finishes the batch in hand when it stops, and nobody gets that again', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      const [before, after] = [collector(), collector()];
      const slowly = async (batch: readonly BusRecord[]) => {
        await before.handle(batch);
        await released;
      };
      const consumer = await bus.subscribe({ group: 'reader', topics: [topic], handle: slowly });
      await bus.publish([plainMessage(topic, 'k', '1')]);
      await eventually(() => before.records.length === 1);
      const stopped = consumer.stop();
      await bus.publish([plainMessage(topic, 'k', '2')]);
      release();
      await stopped;
      await bus.subscribe({ group: 'reader', topics: [topic], handle: after.handle });
      await eventually(() => after.records.length > 0);
      expect([before.records, after.records].map((records) => records.map(textOf))).toEqual([['1'], ['2']]);
    });

    it('counts what a group has not handled yet', async () => {
      const topic = freshTopic();
      const bus = await makeBus(topic);
      let release: (() => void) | undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      await bus.subscribe({ group: 'slow', topics: [topic], handle: () => held });
      await publishNumbers(bus, topic, numbers(0, 2));
      const lagOf = async () => (await bus.lag()).find((lag) => lag.group === 'slow')?.records;
      await eventually(async () => (await lagOf()) === 2 * keys.length, lagOf);
      release?.();
      await eventually(async () => (await lagOf()) === 0, lagOf);
    });
  });

  describe('rebalancing', () => {
    it('shares the partitions among three consumers, and gives those of one that leaves to the others, in order and without loss', async () => {
      const topic = freshTopic();
      const buses = await Promise.all([1, 2, 3].map(() => makeBus(topic)));
      const collectors = buses.map(() => collector());
      const all: BusRecord[] = [];
      const join = (bus: EventBus, index: number) => {
        const handle = async (batch: readonly BusRecord[]) => {
          await collectors[index]?.handle(batch);
          all.push(...batch);
        };
        return bus.subscribe({ group: 'shared', topics: [topic], handle });
      };
      const consumers = await Promise.all(buses.map(join));
      let next = 0;
      await eventually(
        async () => {
          const [publisher] = buses;
          if (publisher !== undefined) await publishNumbers(publisher, topic, numbers(next, next + 5));
          next += 5;
          return collectors.every(({ records }) => records.length > 0);
        },
        () => collectors.map(({ records }) => records.length),
      );
      await consumers[2]?.stop();
      const [, , left] = collectors;
      const leftWith = left?.records.length;
      await publishNumbers(buses[1] ?? (await makeBus(topic)), topic, numbers(next, next + 5));
      const expected = new Map(keys.map((key) => [key, numbers(0, next + 5)]));
      await eventually(() => arrivals(all) === (next + 5) * keys.length);
      expect(firstArrivals(all)).toEqual(expected);
      expect(left?.records.length).toBe(leftWith);
    });

    it('keeps the order of each key, and loses nothing, while three consumers come and go', async () => {
      const topic = freshTopic();
      const buses = await Promise.all([1, 2, 3].map(() => makeBus(topic)));
      const all: BusRecord[] = [];
      const handle = async (batch: readonly BusRecord[]) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        all.push(...batch);
      };
      const present: (BusConsumer | undefined)[] = [];
      const rounds = [0, 1, 2, 0, 1, 0, 2, 1, 2];
      let next = 0;
      for (const index of rounds) {
        const leaving = present[index];
        if (leaving === undefined) present[index] = await buses[index]?.subscribe({ group: topic, topics: [topic], handle });
        else {
          present[index] = undefined;
          await leaving.stop();
        }
        const [publisher] = buses;
        if (publisher !== undefined) await publishNumbers(publisher, topic, numbers(next, next + 20));
        next += 20;
        // Some rounds change the group in the middle of what was published, some after all of it has arrived.
        if (index === 1) await eventually(() => arrivals(all) === next * keys.length);
      }
      await eventually(
        () => arrivals(all) === next * keys.length,
        () => arrivals(all),
      );
      expect(firstArrivals(all)).toEqual(new Map([...firstArrivals(all).keys()].map((key) => [key, numbers(0, next)])));
    });
  });
}

/** How many different records have arrived. */
function arrivals(records: readonly BusRecord[]): number {
  return [...firstArrivals(records).values()].reduce((sum, texts) => sum + texts.length, 0);
}
