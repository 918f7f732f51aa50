import { inParallel } from './in-parallel.js';

const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

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
