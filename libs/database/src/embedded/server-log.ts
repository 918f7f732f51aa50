import { readFile, rename, stat } from 'node:fs/promises';
import { dataDamaged, diskFull, EmbeddedPostgresError, folderRefused } from './embedded-postgres-error.js';

const rotateAtBytes = 10_000_000;

/** Moves a long log aside; one older one is kept. */
export async function rotateLog(logPath: string): Promise<void> {
  const size = await logSize(logPath);
  if (size > rotateAtBytes) await rename(logPath, `${logPath}.1`);
}

/** Bytes in the log; none where there is no log yet. */
export async function logSize(logPath: string): Promise<number> {
  return stat(logPath).then(
    ({ size }) => size,
    () => 0,
  );
}

/** What was logged since the position given. */
export async function readLog(logPath: string, fromBytes: number): Promise<string> {
  const content = await readFile(logPath).catch(() => Buffer.alloc(0));
  return content.subarray(fromBytes).toString('utf8');
}

/** A start that failed for a reason that passes: worth another try. */
export type PassingFailure = 'port-taken' | 'old-server-leaving';

/** Whether what PostgreSQL logged is a reason to try again. */
export function passingFailure(log: string): PassingFailure | undefined {
  if (/could not bind .*Address already in use|could not create any TCP\/IP sockets/.test(log)) return 'port-taken';
  if (/pre-existing shared memory block|lock file "postmaster\.pid" already exists/.test(log)) return 'old-server-leaving';
  return undefined;
}

const damage =
  /PANIC:|incompatible with server|required WAL directory|checkpoint record|control file|is not a valid data directory|pg_control|missing from|invalid page|could not open (file|directory)|could not read file|could not access the status of transaction|syntax error in file|contains errors|not a database cluster/;

/**
 * Why PostgreSQL (or initdb) gave up, from what it wrote.
 *
 * @param log     what it wrote during this start
 * @param logPath where the operator finds the whole of it
 */
export function startFailure(log: string, directory: string, logPath: string): EmbeddedPostgresError {
  const detail = decisiveLine(log);
  if (/No space left on device|Disk quota exceeded/.test(log)) return diskFull(directory);
  if (/is not compatible with this version|PG_CONTROL_VERSION [1-9]\d*, but/.test(log)) return versionMismatch(directory, detail);
  if (/Permission denied|Read-only file system|Operation not permitted/.test(log)) return folderRefused(directory, detail);
  if (damage.test(log)) return dataDamaged(directory, detail);
  const message = `PostgreSQL did not start: ${detail} (its log is ${logPath})`;
  return new EmbeddedPostgresError('POSTGRES_START_FAILED', message, { directory });
}

/** The data is of another major version than the binaries. */
export function versionMismatch(directory: string, detail: string): EmbeddedPostgresError {
  const message = `the PostgreSQL data in ${directory} is of another version (${detail}): start the release that made it and dump it, or move the folder away to start empty`;
  return new EmbeddedPostgresError('POSTGRES_VERSION_MISMATCH', message, { directory });
}

/** The first PANIC or FATAL line, else the last error, else the last line: what a person would look for. */
function decisiveLine(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const line =
    lines.find((candidate) => /(PANIC|FATAL):/.test(candidate)) ?? lines.findLast((candidate) => /error:/.test(candidate)) ?? lines.at(-1);
  return line?.replace(/^.*?(PANIC|FATAL|error):\s*/, '').trim() ?? 'it wrote nothing';
}
