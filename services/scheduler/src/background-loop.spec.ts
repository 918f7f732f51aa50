import { BackgroundLoop } from './background-loop.js';
import { inParallel } from './in-parallel.js';

const hourMs = 3_600_000;
const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

describe('BackgroundLoop', () => {
  it('repeats its step while there is work, then sleeps until woken', async () => {
    let steps = 0;
    const loop = new BackgroundLoop({ step: () => Promise.resolve((steps += 1) < 3 ? 0 : hourMs), onError: () => undefined });
    loop.start();
    loop.start();
    await soon();
    expect(steps).toBe(3);
    loop.wake();
    await soon();
    expect(steps).toBe(4);
    await loop.stop();
    expect(steps).toBe(4);
  });

  it('does not sleep over a call that came during the step', async () => {
    let steps = 0;
    const loop: BackgroundLoop = new BackgroundLoop({
      step: () => {
        steps += 1;
        if (steps === 1) loop.wake();
        return Promise.resolve(hourMs);
      },
      onError: () => undefined,
    });
    loop.start();
    await soon();
    expect(steps).toBe(2);
    await loop.stop();
  });

  it('outlives a step that fails, and tells', async () => {
    const errors: unknown[] = [];
    let steps = 0;
    const loop = new BackgroundLoop({
      step: () => ((steps += 1) === 1 ? Promise.reject(new Error('oops')) : Promise.resolve(1)),
      onError: (error) => errors.push(error),
    });
    loop.start();
    await soon();
    expect(errors).toEqual([new Error('oops')]);
    loop.wake();
    await soon();
    expect(steps).toBeGreaterThan(1);
    await loop.stop();
  });
});

describe('inParallel', () => {
  it('works on so many items at once, and no more', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, (running += 1));
      await soon();
      running -= 1;
      return item * 2;
    });
    expect(results.sort((a, b) => a - b)).toEqual([2, 4, 6, 8, 10]);
    expect(most).toBe(2);
    expect(await inParallel([], 2, () => Promise.resolve(1))).toEqual([]);
  });
});
