import type { JsonObject } from '@bufbuild/protobuf';
import type { Tx } from '@q2/database';
import type { ModelKey } from '../models/model.js';
import type { Stage } from './stage.js';
import { versionNotFound, type Version, type VersionFields, type VersionKey } from './version.js';

interface VersionRow {
  readonly tenant_id: string;
  readonly model_id: string;
  readonly version: string;
  readonly precedence: string;
  readonly stage: Stage;
  readonly metadata: JsonObject;
  readonly labels: Record<string, string>;
  readonly creator: string;
  readonly revision: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly artifact_count: string;
  readonly artifact_bytes: string;
}

const columns = `v.*, a.artifact_count, a.artifact_bytes`;
const source = `version v CROSS JOIN LATERAL (
  SELECT count(*) AS artifact_count, coalesce(sum(size_bytes), 0) AS artifact_bytes FROM artifact a
  WHERE a.tenant_id = v.tenant_id AND a.model_id = v.model_id AND a.version = v.version) a`;

/** A new version, and where it sorts. */
export interface NewVersion extends VersionFields {
  readonly precedence: string;
  readonly creator: string;
}

/** Adds a version; false where one of that precedence exists. */
export async function insertVersion(tx: Tx, key: VersionKey, { precedence, metadata, labels, creator }: NewVersion): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO version (tenant_id, model_id, version, precedence, metadata, labels, creator)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [key.tenant, key.model, key.version, precedence, JSON.stringify(metadata), JSON.stringify(labels), creator],
  );
  return inserted === 1;
}

/** @throws {NotFound} VERSION_NOT_FOUND */
export async function getVersion(tx: Tx, key: VersionKey): Promise<Version> {
  const [row] = await tx.query<VersionRow>(
    `SELECT ${columns} FROM ${source} WHERE v.tenant_id = $1 AND v.model_id = $2 AND v.version = $3`,
    [key.tenant, key.model, key.version],
  );
  if (row === undefined) throw versionNotFound(key);
  return versionOf(row);
}

/**
 * Reads a version and keeps others from changing it until the transaction ends.
 *
 * @throws {NotFound} VERSION_NOT_FOUND
 */
export async function lockVersion(tx: Tx, key: VersionKey): Promise<Version> {
  await tx.execute('SELECT 1 FROM version WHERE tenant_id = $1 AND model_id = $2 AND version = $3 FOR NO KEY UPDATE', [
    key.tenant,
    key.model,
    key.version,
  ]);
  return getVersion(tx, key);
}

/** Which versions to list. */
export interface VersionQuery {
  /** Only those that sort below this precedence; from the highest on where undefined. */
  readonly below: string | undefined;
  readonly stage: Stage | undefined;
  readonly size: number;
}

/** A model's versions, the highest precedence first. */
export async function selectVersions(tx: Tx, key: ModelKey, { below, stage, size }: VersionQuery): Promise<Version[]> {
  const rows = await tx.query<VersionRow>(
    `SELECT ${columns} FROM ${source}
     WHERE v.tenant_id = $1 AND v.model_id = $2 AND ($3::text IS NULL OR v.precedence < $3) AND ($4::text IS NULL OR v.stage = $4)
     ORDER BY v.precedence DESC LIMIT $5`,
    [key.tenant, key.model, below ?? null, stage ?? null, size],
  );
  return rows.map(versionOf);
}

/** The versions of a model and where each stands. */
export function selectVersionStages(tx: Tx, key: ModelKey): Promise<{ version: string; stage: Stage }[]> {
  return tx.query('SELECT version, stage FROM version WHERE tenant_id = $1 AND model_id = $2', [key.tenant, key.model]);
}

/** Overwrites what a caller decides. */
export async function updateVersion(tx: Tx, key: VersionKey, { metadata, labels }: VersionFields): Promise<void> {
  await tx.execute(
    `UPDATE version SET metadata = $4, labels = $5, revision = revision + 1, updated_at = now()
     WHERE tenant_id = $1 AND model_id = $2 AND version = $3`,
    [key.tenant, key.model, key.version, JSON.stringify(metadata), JSON.stringify(labels)],
  );
}

/** Moves a version to a stage. */
export async function moveVersion(tx: Tx, key: VersionKey, stage: Stage): Promise<void> {
  await tx.execute(
    `UPDATE version SET stage = $4, revision = revision + 1, updated_at = now() WHERE tenant_id = $1 AND model_id = $2 AND version = $3`,
    [key.tenant, key.model, key.version, stage],
  );
}

function versionOf(row: VersionRow): Version {
  return {
    tenant: row.tenant_id,
    model: row.model_id,
    version: row.version,
    precedence: row.precedence,
    stage: row.stage,
    metadata: row.metadata,
    labels: row.labels,
    artifactCount: Number(row.artifact_count),
    artifactBytes: Number(row.artifact_bytes),
    creator: row.creator,
    revision: Number(row.revision),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
