import { Aborted, DeadlineExceeded, DomainError, FailedPrecondition, PermissionDenied, ResourceExhausted, Unavailable } from '@q2/errors';

/** SQLSTATE that `current_tenant()` raises where the transaction has no tenant. */
export const tenantMissingState = 'Q2001';

const socketCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** Server shutting down, crashed, starting up, or out of connection slots. */
const serverAwayStates = new Set(['57P01', '57P02', '57P03', '53300']);
/** The messages of pg and TypeORM that carry no code. */
const lostMessages = /connection terminated|connection error and is not queryable|client was closed|query runner already released/i;

/** SQLSTATE or socket code of an error of pg, or of the one that TypeORM wrapped. */
export function errorCode(error: unknown): string | undefined {
  const source = driverError(error);
  return 'code' in source && typeof source.code === 'string' ? source.code : undefined;
}

/**
 * Whether a statement failed because a unique index has the value already.
 *
 * @param constraint name of the index or constraint; any when omitted
 */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (errorCode(error) !== '23505') return false;
  const source = driverError(error);
  return constraint === undefined || ('constraint' in source && source.constraint === constraint);
}

/** Whether the connection, not the statement, failed. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code !== undefined) return socketCodes.has(code) || serverAwayStates.has(code) || code.startsWith('08');
  return lostMessages.test(messageOf(error));
}

/**
 * Turns the failures that a caller can act on into domain errors: lost connection, timeout, conflict, tenant missing or
 * wrong, disk full. Everything else comes back as it was: a fault of ours.
 */
export function translateDatabaseError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (isConnectionLoss(error)) {
    return because(error, new Unavailable('DATABASE_UNAVAILABLE', 'the database cannot be reached now; try again'));
  }
  if (isForeignRow(error)) {
    return because(
      error,
      new PermissionDenied('TENANT_MISMATCH', 'a row of another tenant than that of the transaction cannot be written'),
    );
  }
  const build = byState.get(errorCode(error) ?? '');
  return build === undefined ? error : because(error, build());
}

/** Row-level security refused a new row; a missing grant has the same code, but is a fault of ours. */
function isForeignRow(error: unknown): boolean {
  return errorCode(error) === '42501' && messageOf(error).includes('row-level security');
}

const byState = new Map<string, () => DomainError>([
  ['57014', () => new DeadlineExceeded('DATABASE_STATEMENT_TIMEOUT', 'a database statement took longer than allowed and was cancelled')],
  ['40001', () => new Aborted('DATABASE_CONFLICT', 'a concurrent change won; read again and repeat')],
  ['40P01', () => new Aborted('DATABASE_DEADLOCK', 'concurrent changes blocked each other; repeat')],
  ['53100', () => new ResourceExhausted('DATABASE_DISK_FULL', 'the disk of the database is full')],
  [tenantMissingState, () => new FailedPrecondition('TENANT_MISSING', 'no tenant is set for this transaction; rows of tenants need one')],
]);

function because(cause: unknown, error: DomainError): DomainError {
  error.cause = cause;
  return error;
}

/** Message of anything thrown. By shape: what Node throws is of another realm than the code where tests run isolated. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

/** TypeORM puts the error of pg in `driverError`. */
function driverError(error: unknown): object {
  if (typeof error !== 'object' || error === null) return {};
  return 'driverError' in error && typeof error.driverError === 'object' && error.driverError !== null ? error.driverError : error;
}
