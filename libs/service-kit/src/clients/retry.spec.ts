import { experiments, models, tenants } from '@q2/contracts';
import { FailedPrecondition, Unavailable } from '@q2/errors';
import { isIdempotent, mayRepeat, pauseAfter, RetryBudget } from './retry.js';

const { getModel, createModel } = models.ModelService.method;
const { acquire } = tenants.QuotaService.method;
const away = new Unavailable('UNAVAILABLE', 'Connection dropped');
const refused = new Unavailable('UNAVAILABLE', 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1');

describe('isIdempotent', () => {
  it('takes reads, what says so in its contract, and what has a request_id', () => {
    expect(isIdempotent(getModel, {})).toBe(true);
    expect(isIdempotent(acquire, {})).toBe(true);
    expect(isIdempotent(createModel, { requestId: 'a' })).toBe(true);
    expect(isIdempotent(createModel, { requestId: '' })).toBe(false);
    expect(isIdempotent(createModel, {})).toBe(false);
    expect(isIdempotent(experiments.ExperimentService.method.startExperiment, {})).toBe(false);
  });
});

describe('mayRepeat', () => {
  it('repeats a change without request_id only where no server has begun it', () => {
    expect(mayRepeat(createModel, {}, away)).toBe(false);
    expect(mayRepeat(createModel, {}, refused)).toBe(true);
    expect(mayRepeat(createModel, {}, new Unavailable('UNAVAILABLE', 'Stream refused by server'))).toBe(true);
    expect(mayRepeat(createModel, { requestId: 'a' }, away)).toBe(true);
  });

  it('never repeats what was answered', () => {
    expect(mayRepeat(getModel, {}, new FailedPrecondition('NOT_NOW', 'not now'))).toBe(false);
    expect(mayRepeat(getModel, {}, new Unavailable('QUOTA_UNAVAILABLE', 'away'))).toBe(false);
    expect(mayRepeat(getModel, {}, new Error('x'))).toBe(false);
  });
});

describe('pauseAfter', () => {
  it('grows, is jittered, and ends', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => pauseAfter(attempt, 0.5))).toEqual([50, 100, 200, 400, undefined]);
    expect([pauseAfter(1, 0), pauseAfter(1, 1)]).toEqual([25, 75]);
  });
});

describe('RetryBudget', () => {
  it('stops repetitions where nothing succeeds, and allows them again as calls succeed', () => {
    const budget = new RetryBudget(10);
    expect(Array.from({ length: 6 }, () => budget.spend())).toEqual([true, true, true, true, false, false]);
    for (let success = 0; success < 25; success += 1) budget.succeeded();
    expect(budget.spend()).toBe(true);
  });
});
