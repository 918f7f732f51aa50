export { DomainError, isTransient, type ErrorKind, type ErrorMetadata, type FieldViolation } from './domain-error.js';
export {
  Aborted,
  AlreadyExists,
  DeadlineExceeded,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  OutOfRange,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
  type RetryAfter,
} from './errors.js';
