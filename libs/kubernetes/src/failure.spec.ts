import { Aborted, DomainError, InvalidArgument } from '@q2/errors';
import { ApplyConflict, failureOf } from './failure.js';

const request = 'GET /api/v1/pods';
const status = (more: object) => JSON.stringify({ kind: 'Status', status: 'Failure', message: 'it says so', ...more });

describe('failureOf', () => {
  it.each([
    [400, 'INVALID_FIELDS', 'INVALID_ARGUMENT'],
    [401, 'KUBERNETES_UNAUTHENTICATED', 'UNAUTHENTICATED'],
    [403, 'KUBERNETES_FORBIDDEN', 'PERMISSION_DENIED'],
    [404, 'KUBERNETES_NOT_FOUND', 'NOT_FOUND'],
    [405, 'KUBERNETES_REFUSED', 'FAILED_PRECONDITION'],
    [409, 'KUBERNETES_CONFLICT', 'ABORTED'],
    [410, 'KUBERNETES_EXPIRED', 'OUT_OF_RANGE'],
    [422, 'INVALID_FIELDS', 'INVALID_ARGUMENT'],
    [429, 'KUBERNETES_BUSY', 'RESOURCE_EXHAUSTED'],
    [500, 'KUBERNETES_UNAVAILABLE', 'UNAVAILABLE'],
    [503, 'KUBERNETES_UNAVAILABLE', 'UNAVAILABLE'],
    [504, 'KUBERNETES_TIMEOUT', 'DEADLINE_EXCEEDED'],
  ])('makes of %s the reason %s', (code, reason, kind) => {
    expect(failureOf({ code, body: status({}), request })).toMatchObject({ reason, kind });
  });

  it('names the request and what the server said', () => {
    const error = failureOf({ code: 403, body: status({ message: 'pods is forbidden' }), request });
    expect(error.message).toBe('Kubernetes refused GET /api/v1/pods: pods is forbidden');
  });

  it.each([
    ['upstream connect error', 'Kubernetes refused GET /api/v1/pods: upstream connect error'],
    ['null', 'Kubernetes refused GET /api/v1/pods: null'],
    ['', 'Kubernetes refused GET /api/v1/pods: status 503'],
  ])('tells what a proxy answered: %j', (body, message) => {
    expect(failureOf({ code: 503, body, request }).message).toBe(message);
  });

  it('tells an object that exists from one that changed meanwhile', () => {
    expect(failureOf({ code: 409, body: status({ reason: 'AlreadyExists' }), request }).reason).toBe('KUBERNETES_ALREADY_EXISTS');
    expect(failureOf({ code: 409, body: status({ reason: 'Conflict' }), request })).toBeInstanceOf(Aborted);
  });

  it('names the fields and managers of an apply that conflicts', () => {
    const causes = [
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using v1', field: '.data.a' },
      { reason: 'FieldManagerConflict' },
    ];
    const error = failureOf({ code: 409, body: status({ reason: 'Conflict', details: { causes } }), request });
    expect(error).toBeInstanceOf(ApplyConflict);
    expect(error).toMatchObject({
      reason: 'KUBERNETES_APPLY_CONFLICT',
      conflicts: [
        { field: '.data.a', manager: 'kubectl' },
        { field: '', manager: '' },
      ],
    });
  });

  it('names each field that is wrong', () => {
    const causes = [{ field: 'spec.completions', message: 'must be positive' }, {}];
    const error = failureOf({ code: 422, body: status({ details: { causes } }), request });
    expect(error instanceof InvalidArgument && error.violations).toEqual([
      { field: 'spec.completions', description: 'must be positive' },
      { field: 'object', description: expect.stringContaining('it says so') },
    ]);
  });

  it('says when to come again', () => {
    const body = status({ details: { retryAfterSeconds: 3 } });
    const error: DomainError = failureOf({ code: 429, body, request });
    expect(error.retryAfterMs).toBe(3000);
  });
});
