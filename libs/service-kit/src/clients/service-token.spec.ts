import { jest } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceToken } from './service-token.js';

describe('ServiceToken', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'q2-key-'));
    await writeFile(join(folder, 'key'), 'the key\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('exchanges its key once for callers that come together, and keeps the token', async () => {
    const seen: string[] = [];
    const source = new ServiceToken(join(folder, 'key'), (key) =>
      Promise.resolve({ token: `t${seen.push(key)}`, expiresAt: new Date(Date.now() + 60_000) }),
    );
    expect(await Promise.all([source.token(), source.token()])).toEqual(['t1', 't1']);
    expect(await source.token()).toBe('t1');
    expect(seen).toEqual(['the key']);
  });

  it('gets another where a token is about to end', async () => {
    let issued = 0;
    const source = new ServiceToken(join(folder, 'key'), () =>
      Promise.resolve({ token: `t${++issued}`, expiresAt: new Date(Date.now() - 1) }),
    );
    expect([await source.token(), await source.token()]).toEqual(['t1', 't2']);
  });

  it('renews a token in the background at half of its life, and keeps it while that fails', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    let answers = 0;
    const source = new ServiceToken(join(folder, 'key'), () => {
      answers += 1;
      if (answers > 1 && answers < 4) return Promise.reject(new Error('away'));
      return Promise.resolve({ token: `t${answers}`, expiresAt: new Date(Date.now() + 60_000) });
    });
    // The key is read from a real file each time, which takes real time.
    const untilAsked = async (times: number) => {
      while (answers < times) await new Promise((resolve) => setImmediate(resolve));
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    expect(await source.token()).toBe('t1');
    await jest.advanceTimersByTimeAsync(29_000);
    expect(answers).toBe(1);
    await jest.advanceTimersByTimeAsync(1_000);
    for (const times of [2, 3]) {
      await untilAsked(times);
      expect(await source.token()).toBe('t1');
      await jest.advanceTimersByTimeAsync(2_000);
    }
    await untilAsked(4);
    expect(await source.token()).toBe('t4');
    jest.useRealTimers();
  });

  it('says which file is missing, and asks again after a failure', async () => {
    const source = new ServiceToken(join(folder, 'none'), () => Promise.reject(new Error('not reached')));
    await expect(source.token()).rejects.toThrow(/the service's key cannot be read from .*none/);
    await expect(source.token()).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });
});
