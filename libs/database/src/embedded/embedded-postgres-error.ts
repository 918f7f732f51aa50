import { DomainError } from '@q2/errors';
import { errorCode, messageOf } from '../database-errors.js';

/** Why the embedded PostgreSQL does not start; each is one clear sentence for the operator. */
export type EmbeddedPostgresReason =
  /** No binaries for this platform are installed. */
  | 'POSTGRES_NOT_INSTALLED'
  /** The folder or a file in it cannot be written or read. */
  | 'POSTGRES_FOLDER_REFUSED'
  /** Another process that lives uses the folder. */
  | 'POSTGRES_FOLDER_IN_USE'
  | 'POSTGRES_DISK_FULL'
  /** The data was made by another major version. */
  | 'POSTGRES_VERSION_MISMATCH'
  /** The data, or the password that belongs to it, is damaged or missing. */
  | 'POSTGRES_DATA_DAMAGED'
  /** Anything else; the sentence quotes PostgreSQL and names the log. */
  | 'POSTGRES_START_FAILED';

/** Thrown where the embedded PostgreSQL cannot be started or found; trying again as is does not help. */
export class EmbeddedPostgresError extends DomainError {
  readonly kind = 'FAILED_PRECONDITION';

  constructor(
    override readonly reason: EmbeddedPostgresReason,
    message: string,
    options: { readonly directory: string; readonly cause?: unknown },
  ) {
    super(reason, message, { directory: options.directory });
    this.cause = options.cause;
  }
}

/**
 * Turns a failed file operation into the sentence that says what to do; everything else comes back as it was.
 *
 * @param directory the folder given by the caller
 */
export function folderFailure(error: unknown, directory: string): unknown {
  if (error instanceof DomainError) return error;
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(directory, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    // What a recursive mkdir says on a read-only file system.
    case 'ENOENT':
    case 'EEXIST':
      return folderRefused(directory, messageOf(error), error);
    default:
      return error;
  }
}

/** The disk that holds the folder is full. */
export function diskFull(directory: string, cause?: unknown): EmbeddedPostgresError {
  const message = `the disk that holds ${directory} is full: free some space (PostgreSQL needs at least 100 MB) and start again`;
  return new EmbeddedPostgresError('POSTGRES_DISK_FULL', message, { directory, cause });
}

/** The folder cannot be used by the user that PostgreSQL runs as. */
export function folderRefused(directory: string, detail: string, cause?: unknown): EmbeddedPostgresError {
  const message = `the folder ${directory} cannot be written (${detail}): change its owner or mode, or choose another folder with Q2_HOME`;
  return new EmbeddedPostgresError('POSTGRES_FOLDER_REFUSED', message, { directory, cause });
}

/** The data cannot be used any more. */
export function dataDamaged(directory: string, detail: string, cause?: unknown): EmbeddedPostgresError {
  const message = `the PostgreSQL data in ${directory} is damaged (${detail}): restore a backup, or move the folder away to start empty`;
  return new EmbeddedPostgresError('POSTGRES_DATA_DAMAGED', message, { directory, cause });
}
