import fc from 'fast-check';
import { once } from '../testing/definitions.testing.js';
import { backoffMs, deterministicUuid, mayRetry } from './retry.js';

describe('backoffMs', () => {
  const policy = { ...once, maxAttempts: 10, initialIntervalMs: 100, backoffCoefficient: 3, maxIntervalMs: 1000 };

  it('grows by the coefficient up to the longest interval', () => {
    expect([1, 2, 3, 4].map((attempt) => backoffMs(policy, attempt, 's'))).toEqual([100, 300, 900, 1000]);
    expect([1, 2, 3].map((attempt) => backoffMs({ ...policy, backoffCoefficient: 1 }, attempt, 's'))).toEqual([100, 100, 100]);
  });

  it('is shortened by no more than the jitter, by the seed alone', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 100 }), fc.string(), (jitter, attempt, seed) => {
        const full = backoffMs(policy, attempt, seed);
        const delay = backoffMs({ ...policy, jitter }, attempt, seed);
        expect(delay).toBeLessThanOrEqual(full);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full * (1 - jitter)));
        expect(backoffMs({ ...policy, jitter }, attempt, seed)).toBe(delay);
      }),
    );
  });

  it('differs from seed to seed', () => {
    const delays = Array.from({ length: 50 }, (_, index) => backoffMs({ ...policy, jitter: 1 }, 4, `seed ${index}`));
    expect(new Set(delays).size).toBeGreaterThan(40);
  });
});

describe('mayRetry', () => {
  const policy = { ...once, maxAttempts: 3, nonRetryableReasons: ['NEVER'] };

  it.each([
    [{ attempt: 2, reason: 'X', isFinal: false }, true],
    [{ attempt: 3, reason: 'X', isFinal: false }, false],
    [{ attempt: 1, reason: 'X', isFinal: true }, false],
    [{ attempt: 1, reason: 'NEVER', isFinal: false }, false],
  ])('%j: %s', (failed, expected) => {
    expect(mayRetry(policy, failed)).toBe(expected);
  });
});

describe('deterministicUuid', () => {
  it('is a UUID, the same for the same text and another for any other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(deterministicUuid(one)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(deterministicUuid(one) === deterministicUuid(other)).toBe(one === other);
      }),
    );
  });
});
