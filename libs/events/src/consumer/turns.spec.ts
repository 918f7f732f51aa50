import { setTimeout as sleep } from 'node:timers/promises';
import { Turns } from './turns.js';

describe('Turns', () => {
  it('lets no more run at once than allowed, in the order they came, also after one fails', async () => {
    const turns = new Turns(2);
    let running = 0;
    let most = 0;
    const began: number[] = [];
    const work = (index: number) =>
      turns.take(async () => {
        began.push(index);
        running += 1;
        most = Math.max(most, running);
        await sleep(5);
        running -= 1;
        if (index === 1) throw new Error('one fails');
        return index;
      });
    const results = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(work));
    expect(most).toBe(2);
    expect(began).toEqual([0, 1, 2, 3, 4, 5]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
  });
});
