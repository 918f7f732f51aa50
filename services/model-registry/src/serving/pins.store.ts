import type { Tx } from '@q2/database';
import type { VersionKey } from '../versions/version.js';

/** Whether a version is to be kept in memory. */
export async function isVersionPinned(tx: Tx, key: VersionKey): Promise<boolean> {
  const rows = await tx.query('SELECT 1 FROM pin WHERE tenant_id = $1 AND model_id = $2 AND version = $3', [
    key.tenant,
    key.model,
    key.version,
  ]);
  return rows.length > 0;
}

/** Keeps a version in memory, or lets it go. */
export async function setPin(tx: Tx, key: VersionKey, isPinned: boolean): Promise<void> {
  const sql = isPinned
    ? 'INSERT INTO pin (tenant_id, model_id, version) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING'
    : 'DELETE FROM pin WHERE tenant_id = $1 AND model_id = $2 AND version = $3';
  await tx.execute(sql, [key.tenant, key.model, key.version]);
}
