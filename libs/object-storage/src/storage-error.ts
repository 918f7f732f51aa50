import { DomainError, ResourceExhausted, Unavailable } from '@q2/errors';

/** The `code` of an error of Node's file system, such as `ENOSPC`; undefined where there is none. */
export function systemCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Says a file system's error in terms that a caller can act on. The text names no path: paths are the operator's matter,
 * and are in `cause`.
 */
export function storageError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const code = systemCode(error) ?? 'UNKNOWN';
  const domainError = classify(code);
  domainError.cause = error;
  return domainError;
}

function classify(code: string): DomainError {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ResourceExhausted('STORAGE_FULL', 'the storage is full; free space or delete objects, then try again', { code });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new Unavailable('STORAGE_NOT_WRITABLE', 'the storage may not be accessed; check the permissions of its folder', { code });
    default:
      return new Unavailable('STORAGE_FAILING', `the storage failed (${code})`, { code });
  }
}
