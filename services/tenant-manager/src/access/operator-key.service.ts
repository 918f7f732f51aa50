import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { rootTenant } from '../tenants/tenant.js';
import { findApiKeyParts, formatApiKey, hashSecret, newApiKey, type ApiKeyText } from './api-key.js';

/** The key of whoever installed the platform. */
export interface OperatorKey {
  readonly text: string;
  /** The platform learned of the key just now: it is worth showing once. */
  readonly isNew: boolean;
}

/** Gives a new platform its first key. */
@Injectable()
export class OperatorKeyService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * Makes sure that the file holds a key with the role `operator` and that the platform knows it. The file comes first and
   * the key's hash follows by a write that may be repeated: whenever the process dies in between, the next start ends
   * with both. A key that was revoked or rotated since stays so.
   *
   * @param path of the file; made with mode 0600, its folder with 0700
   * @throws {FailedPrecondition} OPERATOR_KEY_FILE_UNREADABLE where the file holds something else, or can't be read
   */
  async ensureOperatorKey(path: string): Promise<OperatorKey> {
    const key = (await findKeyIn(path)) ?? (await writeNewKey(path));
    return { text: formatApiKey(key), isNew: await this.ensureKnown(key) };
  }

  private ensureKnown({ id, secret }: ApiKeyText): Promise<boolean> {
    return this.database.inTenant(rootTenant, async (tx) => {
      const inserted = await tx.execute(
        `insert into api_keys (tenant_id, key_id, display_name, roles, secret_hash, creator)
         values ($1, $2, 'Operator', '{operator}', $3, 'services/tenant-manager') on conflict (key_id) do nothing`,
        [rootTenant, id, hashSecret(secret)],
      );
      return inserted === 1;
    });
  }
}

async function findKeyIn(path: string): Promise<ApiKeyText | undefined> {
  const text = await findText(path);
  if (text === undefined) return undefined;
  const key = findApiKeyParts(text.trim());
  if (key) return key;
  throw unreadable(path, 'does not hold an API key; restore it, or delete it to get a new one');
}

async function findText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, `cannot be read: ${String(error)}`);
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}

/** The file appears with its whole content or not at all. */
async function writeNewKey(path: string): Promise<ApiKeyText> {
  const key = newApiKey();
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeDurably(draft, `${formatApiKey(key)}\n`);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return key;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function unreadable(path: string, problem: string): FailedPrecondition {
  return new FailedPrecondition('OPERATOR_KEY_FILE_UNREADABLE', `${path} ${problem}`, { path });
}
