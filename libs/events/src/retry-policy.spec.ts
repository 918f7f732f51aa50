import fc from 'fast-check';
import { decideAfterFailure, defaultRetryPolicy, retryDelayMs } from './retry-policy.js';
import { UnprocessableEvent } from './unprocessable.js';

describe('retryDelayMs', () => {
  it('stays between half of the exponential step and all of it, whatever the chance', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (failedTries, random) => {
        const step = Math.min(60_000, 200 * 2.5 ** (failedTries - 1));
        const delay = retryDelayMs(defaultRetryPolicy, failedTries, random);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(step / 2));
        expect(delay).toBeLessThanOrEqual(Math.ceil(step));
      }),
    );
  });

  it('outlasts a service that is away for a minute', () => {
    const shortest = Array.from({ length: defaultRetryPolicy.tries - 1 }, (_, n) => retryDelayMs(defaultRetryPolicy, n + 1, 0));
    expect(shortest.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(60_000);
  });
});

describe('decideAfterFailure', () => {
  it('tries again until the last try has failed', () => {
    const policy = { ...defaultRetryPolicy, tries: 3 };
    const kinds = [1, 2, 3].map((failedTries) => decideAfterFailure(policy, { error: new Error('x'), failedTries, random: 1 }));
    expect(kinds).toEqual([
      { kind: 'retry', delayMs: 200 },
      { kind: 'retry', delayMs: 500 },
      { kind: 'dead-letter', reason: 'RETRIES_EXHAUSTED' },
    ]);
  });

  it('gives up at once on what can never succeed, with its reason', () => {
    const error = new UnprocessableEvent('EVENT_TYPE_UNKNOWN', 'no such type');
    expect(decideAfterFailure(defaultRetryPolicy, { error, failedTries: 1, random: 0 })).toEqual({
      kind: 'dead-letter',
      reason: 'EVENT_TYPE_UNKNOWN',
    });
  });
});
