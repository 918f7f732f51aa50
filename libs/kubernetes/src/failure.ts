import {
  Aborted,
  AlreadyExists,
  DeadlineExceeded,
  type DomainError,
  FailedPrecondition,
  InvalidArgument,
  NotFound,
  OutOfRange,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
} from '@q2/errors';

/** A field that somebody else manages, and who. */
export interface FieldConflict {
  readonly field: string;
  readonly manager: string;
}

/** Thrown where an apply would change fields that another manager has applied. Apply with `force` takes them over. */
export class ApplyConflict extends Aborted {
  constructor(
    message: string,
    readonly conflicts: readonly FieldConflict[],
  ) {
    super('KUBERNETES_APPLY_CONFLICT', message, { fields: conflicts.map(({ field }) => field).join(',') });
  }
}

/** What the API server says of a failure, as far as it says it. */
interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/** An answer of the API server that is not a success. */
export interface FailedAnswer {
  readonly code: number;
  /** Usually a Status as JSON; a proxy in between may answer anything. */
  readonly body: string;
  /** What was asked, such as `GET /api/v1/namespaces/q2/pods`. */
  readonly request: string;
}

/** The error that an answer stands for. */
export function failureOf({ code, body, request }: FailedAnswer): DomainError {
  const status = readStatus(body);
  const message = `Kubernetes refused ${request}: ${status.message ?? (body.slice(0, 200) || `status ${code}`)}`;
  const metadata = { code: String(code), request };
  switch (code) {
    case 400:
      return InvalidArgument.field('request', message);
    case 401:
      return new Unauthenticated(
        'KUBERNETES_UNAUTHENTICATED',
        `${message}; the credentials are unknown to the cluster or have expired`,
        metadata,
      );
    case 403:
      return new PermissionDenied('KUBERNETES_FORBIDDEN', message, metadata);
    case 404:
      return new NotFound('KUBERNETES_NOT_FOUND', message, metadata);
    case 409:
      return conflictOf(status, message, metadata);
    case 410:
      return new OutOfRange('KUBERNETES_EXPIRED', message, metadata);
    case 422:
      return new InvalidArgument(violationsOf(status, message));
    case 429:
      return new ResourceExhausted('KUBERNETES_BUSY', message, metadata, { retryAfterMs: (status.details?.retryAfterSeconds ?? 1) * 1000 });
    case 504:
      return new DeadlineExceeded('KUBERNETES_TIMEOUT', message, metadata);
    default:
      return code >= 500
        ? new Unavailable('KUBERNETES_UNAVAILABLE', message, metadata)
        : new FailedPrecondition('KUBERNETES_REFUSED', message, metadata);
  }
}

function readStatus(body: string): Status {
  try {
    const status: Status | null = JSON.parse(body);
    return typeof status === 'object' && status !== null ? status : {};
  } catch {
    return {};
  }
}

function conflictOf({ reason, details }: Status, message: string, metadata: Record<string, string>): DomainError {
  if (reason === 'AlreadyExists') return new AlreadyExists('KUBERNETES_ALREADY_EXISTS', message, metadata);
  const conflicts = (details?.causes ?? []).filter((cause) => cause.reason === 'FieldManagerConflict');
  if (conflicts.length === 0) return new Aborted('KUBERNETES_CONFLICT', message, metadata);
  return new ApplyConflict(
    message,
    conflicts.map(({ field = '', message: text = '' }) => ({ field, manager: /"([^"]*)"/.exec(text)?.[1] ?? '' })),
  );
}

function violationsOf({ details }: Status, message: string) {
  const causes = details?.causes ?? [];
  if (causes.length === 0) return [{ field: 'object', description: message }];
  return causes.map(({ field = 'object', message: description = message }) => ({ field, description }));
}
