import { InvalidArgument, NotFound, Unavailable } from '@q2/errors';
import { decideAfterFailure } from './start-retry.js';

const away = new Unavailable('DOWN', 'away');
const first = { attempt: 1, max: 10 };

describe('decideAfterFailure', () => {
  it('tries again what may pass, after twice the time each time, up to five minutes', () => {
    const delays = [1, 2, 3, 20].map((attempt) => decideAfterFailure(away, { attempt, max: 100 }, 1));
    expect(delays).toMatchObject([1000, 2000, 4000, 300_000].map((delayMs) => ({ kind: 'retry', delayMs })));
    expect(decideAfterFailure(away, first, 0)).toMatchObject({ delayMs: 500, reason: 'DOWN', detail: 'away' });
  });

  it('tries again faults of the other side', () => {
    expect(decideAfterFailure(new Error('oops'), first, 0)).toMatchObject({ kind: 'retry', reason: 'START_FAILED', detail: 'oops' });
    expect(decideAfterFailure('oops', first, 0)).toMatchObject({ kind: 'retry', reason: 'START_FAILED', detail: 'oops' });
  });

  it('gives up where trying again cannot help', () => {
    expect(decideAfterFailure(InvalidArgument.field('a', 'b'), first, 0)).toMatchObject({ kind: 'give-up', reason: 'INVALID_FIELDS' });
    expect(decideAfterFailure(new NotFound('WORKFLOW_NOT_FOUND', ''), first, 0).kind).toBe('give-up');
  });

  it('waits for a tenant that the other side has not heard of yet', () => {
    expect(decideAfterFailure(new NotFound('TENANT_NOT_FOUND', ''), first, 0).kind).toBe('retry');
  });

  it('gives up after the last attempt', () => {
    expect(decideAfterFailure(away, { attempt: 10, max: 10 }, 0)).toEqual({ kind: 'give-up', reason: 'DOWN', detail: 'away' });
  });
});
