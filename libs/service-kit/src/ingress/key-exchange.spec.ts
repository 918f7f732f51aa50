import { FailedPrecondition, Unauthenticated, Unavailable } from '@q2/errors';
import { isMeantAsApiKey, keyKnownForMs, KeyExchange, type ExchangedToken } from './key-exchange.js';

const keyOf = (letter: string) => `q2_k${'a'.repeat(15)}_${letter.repeat(43)}`;

/** An exchange by a clock that stands until it is moved, and what it asked. */
function exchange(answer?: (key: string) => ExchangedToken | Promise<ExchangedToken>) {
  const clock = { nowMs: 1_000 };
  const inMs = (milliseconds: number) => new Date(clock.nowMs + milliseconds);
  const asked: string[] = [];
  const issue = async (key: string) => {
    asked.push(key);
    return Promise.resolve(answer?.(key) ?? { token: `token of ${key}`, expiresAt: inMs(900_000) });
  };
  return { asked, clock, keys: new KeyExchange(issue, () => clock.nowMs) };
}

describe('KeyExchange', () => {
  it('asks once for a key, also where it comes many times at once, until a minute has passed', async () => {
    const { asked, clock, keys } = exchange();
    const first = await Promise.all([1, 2, 3].map(() => keys.tokenOf(keyOf('A'))));
    expect(new Set(first)).toEqual(new Set([`token of ${keyOf('A')}`]));
    clock.nowMs += keyKnownForMs - 1_000;
    await keys.tokenOf(keyOf('A'));
    expect(asked).toHaveLength(1);
    clock.nowMs += 2_000;
    await keys.tokenOf(keyOf('A'));
    expect(asked).toHaveLength(2);
  });

  it('never gives a token that has ended', async () => {
    const { asked, clock, keys } = exchange(() => ({ token: 't', expiresAt: new Date(31_000) }));
    await keys.tokenOf(keyOf('A'));
    clock.nowMs += 31_000;
    await keys.tokenOf(keyOf('A'));
    expect(asked).toHaveLength(2);
  });

  it('does not ask about a refused key again for a while, and then does', async () => {
    const { asked, clock, keys } = exchange(() => Promise.reject(new Unauthenticated('CREDENTIAL_REFUSED', 'no')));
    for (let sent = 0; sent < 5; sent += 1) await expect(keys.tokenOf(keyOf('A'))).rejects.toMatchObject({ reason: 'CREDENTIAL_REFUSED' });
    expect(asked).toHaveLength(1);
    clock.nowMs += 11_000;
    await expect(keys.tokenOf(keyOf('A'))).rejects.toMatchObject({ reason: 'CREDENTIAL_REFUSED' });
    expect(asked).toHaveLength(2);
  });

  it('asks again at once where no answer was to be had', async () => {
    const answers = [new Unavailable('AWAY', 'away'), new Error('broken'), new FailedPrecondition('TENANT_NOT_ACTIVE', 'no')];
    const { asked, keys } = exchange(() => Promise.reject(answers.shift() ?? new Error('too often')));
    await expect(keys.tokenOf(keyOf('A'))).rejects.toThrow('away');
    await expect(keys.tokenOf(keyOf('A'))).rejects.toThrow('broken');
    for (let sent = 0; sent < 2; sent += 1) await expect(keys.tokenOf(keyOf('A'))).rejects.toMatchObject({ reason: 'TENANT_NOT_ACTIVE' });
    expect(asked).toHaveLength(3);
  });

  it('refuses what has not the form of a key without asking', async () => {
    const { asked, keys } = exchange();
    for (const text of ['q2_', `${keyOf('A')}x`, 'q2_kSHOUTING'])
      await expect(keys.tokenOf(text)).rejects.toMatchObject({ reason: 'CREDENTIAL_REFUSED' });
    expect(asked).toEqual([]);
    expect([keyOf('A'), 'q2_x', 'eyJ.a.b'].map(isMeantAsApiKey)).toEqual([true, true, false]);
  });

  it('asks about a few keys at once and no more, whatever the flood', async () => {
    let [atOnce, most] = [0, 0];
    const { keys } = exchange(async (key) => {
      most = Math.max(most, (atOnce += 1));
      await Promise.resolve();
      atOnce -= 1;
      return { token: key, expiresAt: new Date(900_000) };
    });
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    expect(await Promise.all(letters.map((letter) => keys.tokenOf(keyOf(letter))))).toHaveLength(26);
    expect(most).toBe(8);
  });
});
