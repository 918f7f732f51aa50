import fc from 'fast-check';
import { findSigningKey, isRotationDue, nextSignsFrom, verifyingKeys, type KeyLife, type RotationPolicy } from './signing-key.js';

const policy: RotationPolicy = { keyLifetimeMs: 1_000, publishAheadMs: 100, verifyAfterMs: 200 };
const at = (ms: number): Date => new Date(ms);
const key = (createdAtMs: number, signsFromMs: number): KeyLife => ({ createdAt: at(createdAtMs), signsFrom: at(signsFromMs) });

describe('findSigningKey', () => {
  it('keeps signing with the old key until everyone can know the new one', () => {
    const [older, newer] = [key(0, 0), key(900, 1_000)];
    expect(findSigningKey([newer, older], at(999))).toBe(older);
    expect(findSigningKey([newer, older], at(1_000))).toBe(newer);
  });

  it('signs with the only key there is, and finds none where there is none', () => {
    const only = key(0, 100);
    expect(findSigningKey([only], at(50))).toBe(only);
    expect(findSigningKey([], at(50))).toBeUndefined();
  });
});

describe('isRotationDue', () => {
  it('is due where there is no key, and so early that the next is known when the time comes', () => {
    expect(isRotationDue(undefined, at(0), policy)).toBe(true);
    expect(isRotationDue(key(0, 0), at(899), policy)).toBe(false);
    expect(isRotationDue(key(0, 0), at(900), policy)).toBe(true);
  });
});

describe('verifyingKeys', () => {
  it('keeps a superseded key until no token of it can be valid', () => {
    const keys = [key(900, 1_000), key(0, 0)];
    expect(verifyingKeys(keys, at(1_199), policy)).toEqual(keys);
    expect(verifyingKeys(keys, at(1_200), policy)).toEqual(keys.slice(0, 1));
  });

  it('always verifies every token that is still valid, however often keys rotate', () => {
    const times = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(times, (steps) => {
        let keys: KeyLife[] = [];
        let nowMs = 0;
        const issued: { by: KeyLife; untilMs: number }[] = [];
        for (const step of steps) {
          const now = at(nowMs);
          if (isRotationDue(keys[0], now, policy)) keys = [{ createdAt: now, signsFrom: nextSignsFrom(keys[0], now, policy) }, ...keys];
          const signer = findSigningKey(keys, now);
          if (signer) issued.push({ by: signer, untilMs: nowMs + policy.verifyAfterMs });
          const published = verifyingKeys(keys, now, policy);
          expect(issued.filter((token) => token.untilMs > nowMs).every((token) => published.includes(token.by))).toBe(true);
          nowMs += step;
        }
        expect(issued).toHaveLength(steps.length);
      }),
    );
  });
});
