/** What went wrong, in the terms of the gRPC status codes. One table in service-kit maps kinds to codes. */
export type ErrorKind =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'DEADLINE_EXCEEDED'
  | 'UNAVAILABLE';

export type ErrorMetadata = Readonly<Record<string, string>>;

/** One field of a request that is not as it must be. */
export interface FieldViolation {
  /** Path of the field as the contract spells it, such as `version.metadata` or `variants[1].weight`. */
  readonly field: string;
  /** What is allowed, and what was given. */
  readonly description: string;
}

/**
 * An error that a caller can act on. Anything that is not a DomainError is a fault of ours and reaches the caller as
 * INTERNAL with a correlation id only.
 */
export abstract class DomainError extends Error {
  abstract readonly kind: ErrorKind;
  /** How long a caller should wait before trying again; undefined where trying again as is cannot help. */
  readonly retryAfterMs: number | undefined = undefined;

  /**
   * @param reason   stable, unique, UPPER_SNAKE; clients branch on it
   * @param message  sentence with the values, saying what is allowed
   * @param metadata the values again, for programs
   */
  constructor(
    readonly reason: string,
    message: string,
    readonly metadata: ErrorMetadata = {},
  ) {
    super(message);
    this.name = new.target.name;
  }
}

const transientKinds: ReadonlySet<ErrorKind> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED']);

/** True for errors of the moment, after which trying the same again can help. */
export function isTransient(error: unknown): boolean {
  return error instanceof DomainError && transientKinds.has(error.kind);
}
