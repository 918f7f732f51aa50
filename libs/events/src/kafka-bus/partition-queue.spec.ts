import { plainMessage, eventually, silentLog } from '../contract/contract-world.js';
import type { BusRecord } from '../event-bus.port.js';
import { PartitionQueue } from './partition-queue.js';

describe('PartitionQueue', () => {
  const record = (offset: number): BusRecord => ({
    ...plainMessage('t', 'k', ''),
    partition: 0,
    offset: String(offset),
    storedAt: new Date(0),
  });
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => record(from + index));
  let handled: string[][];
  let done: string[];
  let rejections: number;
  let waits: Promise<void>;
  let queue: PartitionQueue;

  beforeEach(() => {
    [handled, done, rejections, waits] = [[], [], 0, Promise.resolve()];
    queue = new PartitionQueue({
      ...{ name: 't/0', group: 'g', batchSize: 2, log: silentLog },
      handle: async (records) => {
        handled.push(records.map(({ offset }) => offset));
        await waits;
        if (rejections > 0) {
          rejections -= 1;
          throw new Error('not yet');
        }
      },
      onHandled: ({ offset }) => void done.push(offset),
    });
  });

  it('hands on batch by batch, in order, also what comes meanwhile', async () => {
    queue.add(range(0, 3));
    queue.add(range(3, 5));
    await queue.idle();
    expect(handled).toEqual([['0', '1'], ['2', '3'], ['4']]);
    expect(done).toEqual(['1', '3', '4']);
  });

  it('hands on a rejected batch again before anything after it', async () => {
    rejections = 2;
    queue.add(range(0, 3));
    await queue.idle();
    expect(handled).toEqual([['0', '1'], ['0', '1'], ['0', '1'], ['2']]);
    expect(done).toEqual(['1', '2']);
  });

  it('says when it wants no more, and once when it does again', async () => {
    const gate = Promise.withResolvers<undefined>();
    waits = gate.promise;
    expect(await queue.room(1)).toBe(true);
    queue.add(range(0, 20));
    expect([queue.isFull, await queue.room(1)]).toEqual([true, false]);
    let calls = 0;
    queue.onceRoom(() => (calls += 1));
    expect(calls).toBe(0);
    gate.resolve(undefined);
    await queue.idle();
    expect(calls).toBe(1);
    queue.onceRoom(() => (calls += 1));
    expect(calls).toBe(2);
    queue.add(range(20, 40));
    expect(await queue.room(60_000)).toBe(true);
  });

  it('forgets what waits when the group is shared out anew, and confirms the batch in hand where it keeps the partition', async () => {
    const gate = Promise.withResolvers<undefined>();
    waits = gate.promise;
    queue.add(range(0, 20));
    queue.restart(true);
    gate.resolve(undefined);
    await queue.idle();
    expect([handled, done]).toEqual([[['0', '1']], ['1']]);
  });

  it('neither confirms nor repeats a batch of a partition that is another’s now', async () => {
    const gate = Promise.withResolvers<undefined>();
    waits = gate.promise;
    queue.add(range(0, 2));
    queue.restart(false);
    gate.resolve(undefined);
    await queue.idle();
    expect([handled.length, done]).toEqual([1, []]);
    queue.restart(true);
    rejections = 1_000;
    queue.add(range(0, 2));
    await eventually(() => handled.length >= 3);
    queue.restart(false);
    await queue.idle();
    expect(done).toEqual([]);
  });
});
