import type { Tx } from '@q2/database';
import { modelNotFound, type Model, type ModelFields, type ModelKey } from './model.js';

interface ModelRow {
  readonly tenant_id: string;
  readonly model_id: string;
  readonly description: string;
  readonly labels: Record<string, string>;
  readonly task: string;
  readonly owner: string;
  readonly memory_limit_bytes: string;
  readonly last_sequence: string;
  readonly revision: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly production_version: string | null;
}

const columns = `m.*, (SELECT v.version FROM version v
  WHERE v.tenant_id = m.tenant_id AND v.model_id = m.model_id AND v.stage = 'PRODUCTION') AS production_version`;

/** Adds a model; false where one of that id exists. */
export async function insertModel(tx: Tx, key: ModelKey, fields: ModelFields): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO model (tenant_id, model_id, description, labels, task, owner, memory_limit_bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [key.tenant, key.model, ...values(fields)],
  );
  return inserted === 1;
}

/** @throws {NotFound} MODEL_NOT_FOUND */
export async function getModel(tx: Tx, key: ModelKey): Promise<Model> {
  const [row] = await tx.query<ModelRow>(`SELECT ${columns} FROM model m WHERE tenant_id = $1 AND model_id = $2`, [key.tenant, key.model]);
  if (row === undefined) throw modelNotFound(key);
  return modelOf(row);
}

/**
 * Reads a model and keeps others from changing it, its stages and its history until the transaction ends.
 *
 * @throws {NotFound} MODEL_NOT_FOUND
 */
export async function lockModel(tx: Tx, key: ModelKey): Promise<Model> {
  await tx.execute('SELECT 1 FROM model WHERE tenant_id = $1 AND model_id = $2 FOR NO KEY UPDATE', [key.tenant, key.model]);
  return getModel(tx, key);
}

/** A tenant's models by id, those after `after`. */
export async function selectModels(tx: Tx, tenant: string, page: { readonly after: string; readonly size: number }): Promise<Model[]> {
  const rows = await tx.query<ModelRow>(
    `SELECT ${columns} FROM model m WHERE tenant_id = $1 AND model_id > $2 ORDER BY model_id LIMIT $3`,
    [tenant, page.after, page.size],
  );
  return rows.map(modelOf);
}

/** Overwrites what a caller decides. */
export async function updateModel(tx: Tx, key: ModelKey, fields: ModelFields): Promise<void> {
  await tx.execute(
    `UPDATE model SET description = $3, labels = $4, task = $5, owner = $6, memory_limit_bytes = $7, revision = revision + 1, updated_at = now()
     WHERE tenant_id = $1 AND model_id = $2`,
    [key.tenant, key.model, ...values(fields)],
  );
}

/** Deletes a model with its versions, artifacts, aliases and history. */
export async function deleteModel(tx: Tx, key: ModelKey): Promise<void> {
  await tx.execute('DELETE FROM model WHERE tenant_id = $1 AND model_id = $2', [key.tenant, key.model]);
}

function values({ description, labels, task, owner, memoryLimitBytes }: ModelFields): unknown[] {
  return [description, JSON.stringify(labels), task, owner, memoryLimitBytes];
}

function modelOf(row: ModelRow): Model {
  return {
    tenant: row.tenant_id,
    model: row.model_id,
    description: row.description,
    labels: row.labels,
    task: row.task,
    owner: row.owner,
    memoryLimitBytes: Number(row.memory_limit_bytes),
    productionVersion: row.production_version ?? undefined,
    lastSequence: Number(row.last_sequence),
    revision: Number(row.revision),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
