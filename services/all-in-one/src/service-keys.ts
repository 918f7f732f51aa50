import { randomBytes } from 'node:crypto';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Makes the key that each service proves itself by, where it is missing. A key appears whole or not at all, and never
 * replaces one that is there.
 *
 * @param directory folder of `<service>.key` files, readable by this user only
 */
export async function ensureServiceKeys(directory: string, services: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const service of services) await ensureKey(join(directory, `${service}.key`));
}

async function ensureKey(path: string): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flush: true });
  try {
    await link(draft, path);
  } catch (error) {
    if (!isErrorWithCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

function isErrorWithCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
