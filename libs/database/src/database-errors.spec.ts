import { NotFound } from '@q2/errors';
import { errorCode, isConnectionLoss, isUniqueViolation, messageOf, translateDatabaseError } from './database-errors.js';

const withCode = (code: string, message = 'failed', more: object = {}) => Object.assign(new Error(message), { code, ...more });
const wrapped = (driverError: unknown) => Object.assign(new Error('query failed'), { driverError });

describe('errorCode', () => {
  it('finds the code of pg, also inside what TypeORM wrapped', () => {
    expect(errorCode(withCode('23505'))).toBe('23505');
    expect(errorCode(wrapped(withCode('23505')))).toBe('23505');
  });

  it.each([undefined, null, 'text', new Error('plain'), wrapped(null), { code: 7 }])('finds none in %p', (error) => {
    expect(errorCode(error)).toBeUndefined();
  });
});

describe('isUniqueViolation', () => {
  const duplicate = wrapped(withCode('23505', 'duplicate', { constraint: 'version_pkey' }));

  it('knows the constraint', () => {
    expect(isUniqueViolation(duplicate)).toBe(true);
    expect(isUniqueViolation(duplicate, 'version_pkey')).toBe(true);
    expect(isUniqueViolation(duplicate, 'model_pkey')).toBe(false);
    expect(isUniqueViolation(withCode('23505'), 'model_pkey')).toBe(false);
  });

  it('is not taken in by other failures', () => {
    expect(isUniqueViolation(withCode('23503'))).toBe(false);
  });
});

describe('isConnectionLoss', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03', '53300', '08006'])('holds for %s', (code) => {
    expect(isConnectionLoss(withCode(code))).toBe(true);
  });

  it.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Query runner already released. Cannot run queries anymore.',
  ])('holds for "%s", which has no code', (message) => {
    expect(isConnectionLoss(new Error(message))).toBe(true);
  });

  it('does not hold for a failed statement', () => {
    expect(isConnectionLoss(withCode('22012', 'division by zero'))).toBe(false);
    expect(isConnectionLoss(new Error('division by zero'))).toBe(false);
  });
});

describe('translateDatabaseError', () => {
  it.each([
    ['ECONNRESET', 'UNAVAILABLE', 'DATABASE_UNAVAILABLE'],
    ['57014', 'DEADLINE_EXCEEDED', 'DATABASE_STATEMENT_TIMEOUT'],
    ['40001', 'ABORTED', 'DATABASE_CONFLICT'],
    ['40P01', 'ABORTED', 'DATABASE_DEADLOCK'],
    ['53100', 'RESOURCE_EXHAUSTED', 'DATABASE_DISK_FULL'],
    ['Q2001', 'FAILED_PRECONDITION', 'TENANT_MISSING'],
  ])('turns %s into %s %s, keeping the cause', (code, kind, reason) => {
    const cause = withCode(code);
    expect(translateDatabaseError(cause)).toMatchObject({ kind, reason, cause });
  });

  it('tells a row of another tenant from a missing grant, which is a fault of ours', () => {
    const foreign = withCode('42501', 'new row violates row-level security policy for table "version"');
    expect(translateDatabaseError(foreign)).toMatchObject({ reason: 'TENANT_MISMATCH' });
    const notGranted = withCode('42501', 'permission denied for table version');
    expect(translateDatabaseError(notGranted)).toBe(notGranted);
  });

  it('leaves everything else as it was', () => {
    const domain = new NotFound('MODEL_NOT_FOUND', 'no such model');
    const other = withCode('22012');
    expect(translateDatabaseError(domain)).toBe(domain);
    expect(translateDatabaseError(other)).toBe(other);
    expect(translateDatabaseError('text')).toBe('text');
  });
});

describe('messageOf', () => {
  it('reads a message wherever there is one', () => {
    expect(messageOf(new Error('broken'))).toBe('broken');
    expect(messageOf({ message: 'shaped' })).toBe('shaped');
    expect(messageOf('text')).toBe('text');
    expect(messageOf(null)).toBe('null');
  });
});
