import { setTimeout as sleep } from 'node:timers/promises';
import { sharedReading } from './shared-reading.js';

describe('sharedReading', () => {
  it('asks once for all who ask at the same time, however long it takes', async () => {
    let asked = 0;
    const read = sharedReading(async () => {
      asked += 1;
      await sleep(30);
      return asked;
    }, 0);
    const first = read();
    await sleep(10);
    expect(await Promise.all([first, read(), read()])).toEqual([1, 1, 1]);
    await sleep(5);
    expect(await read()).toBe(2);
  });

  it('keeps the answer for as long as it is good', async () => {
    let asked = 0;
    const read = sharedReading(() => Promise.resolve((asked += 1)), 60_000);
    expect([await read(), await read()]).toEqual([1, 1]);
  });

  it('asks again after a failure', async () => {
    let asked = 0;
    const read = sharedReading(() => ((asked += 1) === 1 ? Promise.reject(new Error('away')) : Promise.resolve(asked)), 60_000);
    await expect(read()).rejects.toThrow('away');
    expect(await read()).toBe(2);
  });
});
