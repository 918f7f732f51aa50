import type { Tx } from '@q2/database';
import type { StoredObject } from '@q2/object-storage';
import type { ModelKey } from '../models/model.js';
import type { VersionKey } from '../versions/version.js';
import type { Artifact, ArtifactKey } from './artifact.js';

interface ArtifactRow {
  readonly file_name: string;
  readonly sha256: string;
  readonly size_bytes: string;
  readonly creator: string;
  readonly created_at: Date;
}

const columns = 'file_name, sha256, size_bytes, creator, created_at';

/** A file of a version. */
export async function findArtifact(tx: Tx, key: ArtifactKey): Promise<Artifact | undefined> {
  const [row] = await tx.query<ArtifactRow>(
    `SELECT ${columns} FROM artifact WHERE tenant_id = $1 AND model_id = $2 AND version = $3 AND file_name = $4`,
    [key.tenant, key.model, key.version, key.artifact],
  );
  return row && artifactOf(row);
}

/** Adds a file to a version. */
export async function insertArtifact(tx: Tx, key: ArtifactKey, file: StoredObject & { readonly creator: string }): Promise<void> {
  await tx.execute(
    `INSERT INTO artifact (tenant_id, model_id, version, file_name, sha256, size_bytes, creator) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [key.tenant, key.model, key.version, key.artifact, file.sha256, file.sizeBytes, file.creator],
  );
}

/** A version's files by name, those after `after`; all without a page. */
export async function selectArtifacts(
  tx: Tx,
  key: VersionKey,
  page?: { readonly after: string; readonly size: number },
): Promise<Artifact[]> {
  const rows = await tx.query<ArtifactRow>(
    `SELECT ${columns} FROM artifact WHERE tenant_id = $1 AND model_id = $2 AND version = $3 AND file_name > $4 ORDER BY file_name LIMIT $5`,
    [key.tenant, key.model, key.version, page?.after ?? '', page?.size ?? null],
  );
  return rows.map(artifactOf);
}

/** The files of all versions of a model. */
export function selectModelFiles(tx: Tx, key: ModelKey): Promise<{ version: string; fileName: string }[]> {
  return tx.query('SELECT version, file_name AS "fileName" FROM artifact WHERE tenant_id = $1 AND model_id = $2', [key.tenant, key.model]);
}

/** Whether any file of the tenant has that content. */
export async function isReferenced(tx: Tx, tenant: string, sha256: string): Promise<boolean> {
  const rows = await tx.query('SELECT 1 FROM artifact WHERE tenant_id = $1 AND sha256 = $2 LIMIT 1', [tenant, sha256]);
  return rows.length > 0;
}

/** Keeps garbage collection and uploads of one content apart until the transaction ends. */
export async function lockContent(tx: Tx, tenant: string, sha256: string): Promise<void> {
  await tx.execute(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`models content ${tenant} ${sha256}`]);
}

function artifactOf(row: ArtifactRow): Artifact {
  return {
    fileName: row.file_name,
    sha256: row.sha256,
    sizeBytes: Number(row.size_bytes),
    creator: row.creator,
    createdAt: row.created_at,
  };
}
