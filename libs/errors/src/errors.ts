import { DomainError, type ErrorMetadata, type FieldViolation } from './domain-error.js';

/** Thrown where a request's fields are not as the contract or a rule demands; names each field. */
export class InvalidArgument extends DomainError {
  readonly kind = 'INVALID_ARGUMENT';

  constructor(readonly violations: readonly FieldViolation[]) {
    super('INVALID_FIELDS', violations.map(({ field, description }) => `${field}: ${description}`).join('; '));
  }

  /** The common case: one field. */
  static field(field: string, description: string): InvalidArgument {
    return new InvalidArgument([{ field, description }]);
  }
}

/** Thrown where the resource named does not exist, or the caller may not know that it does. */
export class NotFound extends DomainError {
  readonly kind = 'NOT_FOUND';
}

/** Thrown where a resource of that name exists already. */
export class AlreadyExists extends DomainError {
  readonly kind = 'ALREADY_EXISTS';
}

/** Thrown where the state of the resource does not allow the operation; trying again as is cannot help. */
export class FailedPrecondition extends DomainError {
  readonly kind = 'FAILED_PRECONDITION';
}

/** Thrown where the caller is known but may not do this. */
export class PermissionDenied extends DomainError {
  readonly kind = 'PERMISSION_DENIED';
}

/** Thrown where the caller has not proved who it is. */
export class Unauthenticated extends DomainError {
  readonly kind = 'UNAUTHENTICATED';
}

/** Thrown where a concurrent change won (a stale etag, a lost fence); reading again and repeating may help. */
export class Aborted extends DomainError {
  readonly kind = 'ABORTED';
}

/** Thrown where a position lies outside what exists, such as an offset past the end. */
export class OutOfRange extends DomainError {
  readonly kind = 'OUT_OF_RANGE';
}

/** Thrown where the time allowed for the call is over. */
export class DeadlineExceeded extends DomainError {
  readonly kind = 'DEADLINE_EXCEEDED';
}

/** When a caller may try again. */
export interface RetryAfter {
  readonly retryAfterMs?: number;
}

/** Thrown where a limit, a quota or a queue is full. */
export class ResourceExhausted extends DomainError {
  readonly kind = 'RESOURCE_EXHAUSTED';
  override readonly retryAfterMs: number | undefined;

  constructor(reason: string, message: string, metadata: ErrorMetadata = {}, retry: RetryAfter = {}) {
    super(reason, message, metadata);
    this.retryAfterMs = retry.retryAfterMs;
  }
}

/** Thrown where something needed cannot be reached now. */
export class Unavailable extends DomainError {
  readonly kind = 'UNAVAILABLE';
  override readonly retryAfterMs: number | undefined;

  constructor(reason: string, message: string, metadata: ErrorMetadata = {}, retry: RetryAfter = { retryAfterMs: 500 }) {
    super(reason, message, metadata);
    this.retryAfterMs = retry.retryAfterMs;
  }
}
