import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import { Metadata, status } from '@grpc/grpc-js';
import { rpc } from '@q2/contracts';
import {
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
  type DomainError,
} from '@q2/errors';

interface Details {
  readonly reason: string;
  readonly metadata: Record<string, string>;
  readonly retryAfterMs?: number;
  readonly violations: readonly { field: string; description: string }[];
}

/** Turns the status of a call to another service back into the domain error that it came from. */
export function fromServiceError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return error;
  const message = 'details' in error && typeof error.details === 'string' ? error.details : error.message;
  const details = detailsOf('metadata' in error ? error.metadata : undefined, error.code);
  return domainError(error.code, message, details) ?? error;
}

function domainError(code: status, message: string, details: Details): DomainError | undefined {
  const { reason, metadata, violations, retryAfterMs } = details;
  const retry = retryAfterMs === undefined ? undefined : { retryAfterMs };
  switch (code) {
    case status.INVALID_ARGUMENT:
      return violations.length > 0 ? new InvalidArgument(violations) : InvalidArgument.field('request', message);
    case status.RESOURCE_EXHAUSTED:
      return new ResourceExhausted(reason, message, metadata, retry);
    case status.UNAVAILABLE:
      return new Unavailable(reason, message, metadata, retry);
    default: {
      const kind = plainKinds.get(code);
      return kind && new kind(reason, message, metadata);
    }
  }
}

type PlainError = new (reason: string, message: string, metadata: Record<string, string>) => DomainError;

const plainKinds = new Map<status, PlainError>([
  [status.NOT_FOUND, NotFound],
  [status.ALREADY_EXISTS, AlreadyExists],
  [status.FAILED_PRECONDITION, FailedPrecondition],
  [status.PERMISSION_DENIED, PermissionDenied],
  [status.UNAUTHENTICATED, Unauthenticated],
  [status.ABORTED, Aborted],
  [status.OUT_OF_RANGE, OutOfRange],
  [status.DEADLINE_EXCEEDED, DeadlineExceeded],
]);

function detailsOf(metadata: unknown, code: number): Details {
  const found: { -readonly [Key in keyof Details]: Details[Key] } = { reason: status[code] ?? 'UNKNOWN', metadata: {}, violations: [] };
  const bytes = metadata instanceof Metadata ? metadata.get('grpc-status-details-bin')[0] : undefined;
  if (!(bytes instanceof Uint8Array)) return found;
  for (const any of fromBinary(rpc.StatusSchema, bytes).details) {
    const info = anyUnpack(any, rpc.ErrorInfoSchema);
    if (info) Object.assign(found, { reason: info.reason, metadata: info.metadata });
    const bad = anyUnpack(any, rpc.BadRequestSchema);
    if (bad) found.violations = bad.fieldViolations;
    const retry = anyUnpack(any, rpc.RetryInfoSchema);
    if (retry?.retryDelay) found.retryAfterMs = durationMs(retry.retryDelay);
  }
  return found;
}
