import { Aborted, InvalidArgument, isTransient, NotFound, ResourceExhausted, Unavailable } from './index.js';

describe('domain errors', () => {
  it('carry reason, sentence and values', () => {
    const error = new NotFound('MODEL_NOT_FOUND', 'models/churn does not exist', { model: 'churn' });
    expect(error).toMatchObject({
      name: 'NotFound',
      kind: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
      message: 'models/churn does not exist',
      metadata: { model: 'churn' },
      retryAfterMs: undefined,
    });
  });

  it('name every field of a bad request in one message', () => {
    const error = new InvalidArgument([
      { field: 'a', description: 'must be set' },
      { field: 'b', description: 'must be at most 3' },
    ]);
    expect(error.message).toBe('a: must be set; b: must be at most 3');
    expect(InvalidArgument.field('a', 'must be set').violations).toEqual([{ field: 'a', description: 'must be set' }]);
  });

  it('say when to try again where that can help', () => {
    expect(new Unavailable('DATABASE_DOWN', 'the database cannot be reached').retryAfterMs).toBe(500);
    expect(new ResourceExhausted('QUEUE_FULL', 'full', {}, { retryAfterMs: 20 }).retryAfterMs).toBe(20);
    expect(new ResourceExhausted('LIMIT_REACHED', 'limit').retryAfterMs).toBeUndefined();
  });

  it('are transient where trying the same again can help', () => {
    const transient = [new Unavailable('A', 'away'), new Aborted('B', 'lost'), new ResourceExhausted('C', 'full')];
    expect(transient.map(isTransient)).toEqual([true, true, true]);
    expect([new NotFound('D', 'none'), new Error('fault'), undefined].map(isTransient)).toEqual([false, false, false]);
  });
});
