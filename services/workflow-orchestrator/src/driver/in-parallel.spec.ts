import { redeliveryDelayMs } from '../tasks/delivery.js';
import { inParallel } from './in-parallel.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('inParallel', () => {
  it('does everything, no more than so much at once', async () => {
    const done: number[] = [];
    let [now, most] = [0, 0];
    await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, (now += 1));
      await pause(5);
      now -= 1;
      done.push(item);
    });
    expect(done.sort()).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });
});

describe('redeliveryDelayMs', () => {
  it('doubles up to half a minute', () => {
    expect([1, 2, 3, 10].map(redeliveryDelayMs)).toEqual([250, 500, 1000, 30_000]);
  });
});
