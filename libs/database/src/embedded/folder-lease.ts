import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { errorCode } from '../database-errors.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { isAlive, processStart } from './postmaster.js';

/** Says that this process uses the folder. A process that was killed leaves the file behind, and the next one takes over. */
export class FolderLease {
  private constructor(private readonly path: string) {}

  /**
   * Takes the folder.
   *
   * @throws {EmbeddedPostgresError} POSTGRES_FOLDER_IN_USE where another process that lives has it
   */
  static async take(directory: string): Promise<FolderLease> {
    const path = join(directory, 'user.pid');
    const mine = `${path}.${randomUUID()}`;
    await writeFile(mine, `${String(process.pid)} ${await processStart(process.pid)}`, { mode: 0o600 });
    try {
      // Linking fails where the file exists, and the file appears with its content: no reader sees half of it.
      while (!(await succeeds(link(mine, path)))) await removeStale(path, directory);
    } finally {
      await rm(mine, { force: true });
    }
    return new FolderLease(path);
  }

  /** Gives the folder back. */
  async release(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

async function removeStale(path: string, directory: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => '');
  const [pid = '', startedAt = ''] = content.split(' ');
  if (await isRunning(Number(pid), startedAt)) {
    const message = `the folder ${directory} is in use by process ${pid}: stop that one first, or choose another folder with Q2_HOME`;
    throw new EmbeddedPostgresError('POSTGRES_FOLDER_IN_USE', message, { directory });
  }
  await rm(path, { force: true });
}

async function isRunning(pid: number, startedAt: string): Promise<boolean> {
  return Number.isSafeInteger(pid) && pid > 0 && (await isAlive(pid)) && (await processStart(pid)) === startedAt;
}

async function succeeds(operation: Promise<void>): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
