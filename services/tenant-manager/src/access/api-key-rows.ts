import type { Tx } from '@q2/database';
import { NotFound } from '@q2/errors';
import type { StoredApiKey } from './api-key.js';

/** One key as stored. */
export interface ApiKeyRow extends StoredApiKey {
  readonly tenant: string;
  readonly keyId: string;
  /** Place among all keys, by creation; a bigint as text. */
  readonly position: string;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly creator: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

/** Columns of `api_keys` as {@link ApiKeyRow} names them. */
export const apiKeyColumns = `tenant_id as tenant, key_id as "keyId", position, display_name as "displayName", roles, secret_hash as "secretHash",
  previous_secret_hash as "previousSecretHash", previous_expires_at as "previousExpiresAt", expires_at as "expiresAt", revoked_at as "revokedAt",
  creator, created_at as "createdAt", last_used_at as "lastUsedAt"`;

/**
 * Reads a key of the transaction's tenant and keeps others from changing it until the transaction ends.
 *
 * @throws {NotFound} API_KEY_NOT_FOUND
 */
export async function lockApiKey(tx: Tx, keyId: string): Promise<ApiKeyRow> {
  const [row] = await tx.query<ApiKeyRow>(`select ${apiKeyColumns} from api_keys where tenant_id = $1 and key_id = $2 for update`, [
    tx.tenant,
    keyId,
  ]);
  if (row) return row;
  throw new NotFound('API_KEY_NOT_FOUND', `tenants/${tx.tenant}/apiKeys/${keyId} does not exist`, { key: keyId });
}

/** Finds a key whoever's it is: who presents one does not say of which tenant. In any tenant's transaction. */
export async function findPresentedKey(tx: Tx, keyId: string): Promise<ApiKeyRow | undefined> {
  await tx.query(`select set_config('q2.api_key', $1, true)`, [keyId]);
  const [row] = await tx.query<ApiKeyRow>(`select ${apiKeyColumns} from api_keys where key_id = $1`, [keyId]);
  await tx.query(`select set_config('q2.api_key', '', true)`);
  return row;
}
