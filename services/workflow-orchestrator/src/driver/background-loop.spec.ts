import { redeliveryDelayMs } from '../tasks/delivery.js';
import { BackgroundLoop, inParallel } from './background-loop.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('BackgroundLoop', () => {
  it('looks again at once where there is more to do, and when it is woken', async () => {
    let steps = 0;
    const loop = new BackgroundLoop({ step: () => Promise.resolve((steps += 1) < 3 ? 0 : 60_000), onError: () => undefined });
    loop.start();
    loop.start();
    await pause(20);
    expect(steps).toBe(3);
    loop.wake();
    await pause(20);
    expect(steps).toBe(4);
    await loop.stop();
    await pause(20);
    expect(steps).toBe(4);
  });

  it('survives a step that fails', async () => {
    const errors: unknown[] = [];
    let steps = 0;
    const step = () => {
      steps += 1;
      return steps === 1 ? Promise.reject(new Error('once')) : Promise.resolve(5);
    };
    const loop = new BackgroundLoop({ step, onError: (error) => errors.push(error) });
    loop.start();
    await pause(10);
    loop.wake();
    await pause(40);
    await loop.stop();
    expect(errors).toEqual([new Error('once')]);
    expect(steps).toBeGreaterThan(2);
  });
});

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
