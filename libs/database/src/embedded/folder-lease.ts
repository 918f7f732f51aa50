import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../database-errors.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { isAlive, processStart } from './postmaster.js';

/**
 * Says that this process uses the folder; one that was killed is succeeded by the next.
 *
 * Each taking makes the file of the next number, `user-<n>.pid`, which only one process can do, and the file of the
 * highest number stays when its user leaves (empty). So numbers only grow, and a process that was slow to find a dead
 * user sees that it was overtaken, instead of removing the file of a user that lives.
 */
export class FolderLease {
  private constructor(private readonly path: string) {}

  /**
   * Takes the folder.
   *
   * @throws {EmbeddedPostgresError} POSTGRES_FOLDER_IN_USE where another process that lives has it
   */
  static async take(directory: string): Promise<FolderLease> {
    // Linked under its number when complete: no reader sees half of it.
    const draft = join(directory, `user-${randomUUID()}`);
    await writeFile(draft, `${String(process.pid)} ${await processStart(process.pid)}`, { mode: 0o600 });
    try {
      for (;;) {
        const lease = await attempt(directory, draft);
        if (lease !== undefined) return new FolderLease(lease);
      }
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Gives the folder back. A folder that is gone needs no giving back. */
  async release(): Promise<void> {
    await truncate(this.path).catch(() => undefined);
  }
}

/** @returns path of the lease; undefined where another process was faster */
async function attempt(directory: string, draft: string): Promise<string | undefined> {
  const last = Math.max(0, ...(await numbers(directory)));
  await refuseWhileUsed(directory, last);
  const path = leasePath(directory, last + 1);
  if (!(await links(draft, path))) return undefined;
  const all = await numbers(directory);
  const isOvertaken = all.some((number) => number > last + 1);
  const obsolete = isOvertaken ? [last + 1] : all.filter((number) => number <= last);
  for (const number of obsolete) await rm(leasePath(directory, number), { force: true });
  return isOvertaken ? undefined : path;
}

async function refuseWhileUsed(directory: string, number: number): Promise<void> {
  const content = await readFile(leasePath(directory, number), 'utf8').catch(() => '');
  const [pid = '', startedAt = ''] = content.split(' ');
  const isUsed = content !== '' && (await isAlive(Number(pid))) && (await processStart(Number(pid))) === startedAt;
  if (!isUsed) return;
  const message = `the folder ${directory} is in use by process ${pid}: stop that one first, or choose another folder with Q2_HOME`;
  throw new EmbeddedPostgresError('POSTGRES_FOLDER_IN_USE', message, { directory });
}

async function numbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => /^user-(\d+)\.pid$/.exec(name)?.[1] ?? []).map(Number);
}

function leasePath(directory: string, number: number): string {
  return join(directory, `user-${String(number)}.pid`);
}

async function links(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
