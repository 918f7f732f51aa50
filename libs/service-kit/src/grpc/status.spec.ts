import { status } from '@grpc/grpc-js';
import {
  Aborted,
  AlreadyExists,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  OutOfRange,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
  DeadlineExceeded,
  type DomainError,
} from '@q2/errors';
import { fromServiceError } from '../clients/remote-error.js';
import { FailedCall, toFailedCall } from './status.js';

const errors: DomainError[] = [
  new InvalidArgument([
    { field: 'a', description: 'must be set' },
    { field: 'b.c', description: 'must be at most 3' },
  ]),
  new NotFound('GONE', 'gone', { name: 'x' }),
  new AlreadyExists('THERE', 'there'),
  new FailedPrecondition('NOT_NOW', 'not now', { state: 'DRAFT' }),
  new PermissionDenied('NO', 'no'),
  new Unauthenticated('WHO', 'who'),
  new ResourceExhausted('FULL', 'full', { tenant: 'acme' }, { retryAfterMs: 1_500 }),
  new Aborted('LOST', 'lost'),
  new OutOfRange('PAST', 'past'),
  new Unavailable('AWAY', 'away', {}, { retryAfterMs: 250 }),
  new DeadlineExceeded('LATE', 'late'),
];

describe('errors across gRPC', () => {
  it.each(errors.map((error) => [error.name, error] as const))('%s arrives as it was thrown', (_, error) => {
    const failed = toFailedCall(error);
    expect(failed.code).toBe(status[error.kind]);
    const arrived = fromServiceError(failed);
    expect(arrived).toBeInstanceOf(error.constructor);
    expect(arrived).toMatchObject({
      reason: error.reason,
      message: error.message,
      metadata: error.metadata,
      retryAfterMs: error.retryAfterMs,
    });
    if (error instanceof InvalidArgument) expect(arrived).toMatchObject({ violations: error.violations });
  });

  it('says nothing of a fault of our own but where to look', () => {
    const failed = toFailedCall(new TypeError('undefined is not a function'));
    expect(failed.code).toBe(status.INTERNAL);
    expect(failed.details).toBe(`internal error; correlation id ${failed.correlationId ?? ''}`);
    expect(fromServiceError(failed)).toBe(failed);
  });

  it('tells a caller that left from a fault', () => {
    expect(toFailedCall(Object.assign(new Error('aborted'), { name: 'AbortError' })).code).toBe(status.CANCELLED);
  });

  it('leaves alone what it has turned before, and what is no status', () => {
    const failed = new FailedCall(status.NOT_FOUND, 'gone', []);
    expect(toFailedCall(failed)).toBe(failed);
    const plain = new Error('no status');
    expect(fromServiceError(plain)).toBe(plain);
  });

  it('understands servers that send no details', () => {
    const bare = (code: status) => fromServiceError(Object.assign(new Error('x'), { code, details: 'bare' }));
    expect(bare(status.NOT_FOUND)).toMatchObject({ kind: 'NOT_FOUND', reason: 'NOT_FOUND', message: 'bare' });
    expect(bare(status.INVALID_ARGUMENT)).toMatchObject({ kind: 'INVALID_ARGUMENT', message: 'request: bare' });
    expect(bare(status.UNAVAILABLE)).toMatchObject({ kind: 'UNAVAILABLE', retryAfterMs: 500 });
  });
});
