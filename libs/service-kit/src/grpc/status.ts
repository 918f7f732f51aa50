import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, durationFromMs, type Any } from '@bufbuild/protobuf/wkt';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { rpc } from '@q2/contracts';
import { DomainError, FailedPrecondition, InvalidArgument, ResourceExhausted, type ErrorKind } from '@q2/errors';

/** The one table from kinds of error to gRPC codes. */
const codes: Readonly<Record<ErrorKind, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  ABORTED: status.ABORTED,
  OUT_OF_RANGE: status.OUT_OF_RANGE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  UNAVAILABLE: status.UNAVAILABLE,
};

/** What a failed call answers with, in the form that grpc-js wants. */
export class FailedCall extends Error implements ServiceError {
  readonly metadata = new Metadata();

  /** @param correlationId set where the fault is ours: what to look for in the log */
  constructor(
    readonly code: status,
    readonly details: string,
    any: readonly Any[],
    readonly correlationId?: string,
  ) {
    super(details);
    const detailed = create(rpc.StatusSchema, { code, message: details, details: [...any] });
    this.metadata.set('grpc-status-details-bin', Buffer.from(toBinary(rpc.StatusSchema, detailed)));
  }
}

/**
 * Turns an error into a gRPC status with google.rpc details (AIP-193). What is not a DomainError is INTERNAL with a
 * correlation id and no internals in the text.
 */
export function toFailedCall(error: unknown): FailedCall {
  if (error instanceof FailedCall) return error;
  if (error instanceof DomainError) return new FailedCall(codes[error.kind], error.message, detailsOf(error));
  if (error instanceof Error && error.name === 'AbortError') {
    return error.cause instanceof DomainError ? toFailedCall(error.cause) : new FailedCall(status.CANCELLED, 'the caller left', []);
  }
  const correlationId = randomUUID();
  const info = errorInfo('INTERNAL', { correlation_id: correlationId });
  return new FailedCall(status.INTERNAL, `internal error; correlation id ${correlationId}`, [info], correlationId);
}

function detailsOf(error: DomainError): Any[] {
  const details = [errorInfo(error.reason, error.metadata)];
  if (error instanceof InvalidArgument) {
    const fieldViolations = error.violations.map(({ field, description }) => ({ field, description }));
    details.push(anyPack(rpc.BadRequestSchema, create(rpc.BadRequestSchema, { fieldViolations })));
  }
  if (error instanceof FailedPrecondition) {
    const violations = [{ type: error.reason, subject: Object.values(error.metadata)[0] ?? '', description: error.message }];
    details.push(anyPack(rpc.PreconditionFailureSchema, create(rpc.PreconditionFailureSchema, { violations })));
  }
  if (error instanceof ResourceExhausted) {
    const violations = [{ subject: error.metadata['tenant'] ?? '', description: error.message }];
    details.push(anyPack(rpc.QuotaFailureSchema, create(rpc.QuotaFailureSchema, { violations })));
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(error.retryAfterMs);
    details.push(anyPack(rpc.RetryInfoSchema, create(rpc.RetryInfoSchema, { retryDelay })));
  }
  return details;
}

function errorInfo(reason: string, metadata: Readonly<Record<string, string>>) {
  return anyPack(rpc.ErrorInfoSchema, create(rpc.ErrorInfoSchema, { reason, domain: 'q2', metadata: { ...metadata } }));
}
