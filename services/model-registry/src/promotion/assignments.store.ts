import type { Tx } from '@q2/database';
import type { ModelKey } from '../models/model.js';
import type { Assignment, AssignmentCause } from './assignment.js';

interface AssignmentRow {
  readonly sequence: string;
  readonly alias: string;
  readonly from_version: string | null;
  readonly to_version: string;
  readonly cause: AssignmentCause;
  readonly principal: string;
  readonly reason: string;
  readonly created_at: Date;
}

/** The version that an alias points at. */
export async function findAliasTarget(tx: Tx, key: ModelKey & { readonly alias: string }): Promise<string | undefined> {
  const [row] = await tx.query<{ version: string }>('SELECT version FROM alias WHERE tenant_id = $1 AND model_id = $2 AND alias = $3', [
    key.tenant,
    key.model,
    key.alias,
  ]);
  return row?.version;
}

/** A move to record. */
export type Move = Pick<Assignment, 'alias' | 'fromVersion' | 'toVersion' | 'cause' | 'principal' | 'reason'>;

/**
 * Moves an alias and records the move under the model's next number. The model must be locked: its lock is what keeps the
 * numbers without gaps.
 */
export async function recordMove(tx: Tx, key: ModelKey, move: Move): Promise<Assignment> {
  const parameters = [key.tenant, key.model, move.alias, move.fromVersion ?? null, move.toVersion, move.cause, move.principal, move.reason];
  const [row] = await tx.query<AssignmentRow>(
    `WITH numbered AS (
       UPDATE model SET last_sequence = last_sequence + 1, revision = revision + 1, updated_at = now()
       WHERE tenant_id = $1 AND model_id = $2 RETURNING last_sequence),
     pointed AS (
       INSERT INTO alias (tenant_id, model_id, alias, version) VALUES ($1, $2, $3, $5)
       ON CONFLICT (tenant_id, model_id, alias) DO UPDATE SET version = excluded.version, updated_at = now())
     INSERT INTO assignment (tenant_id, model_id, sequence, alias, from_version, to_version, cause, principal, reason)
     SELECT $1, $2, last_sequence, $3, $4, $5, $6, $7, $8 FROM numbered
     RETURNING sequence, alias, from_version, to_version, cause, principal, reason, created_at`,
    parameters,
  );
  if (row === undefined) throw new Error(`the model ${key.model} was not locked before an alias of it moved`);
  return assignmentOf(row);
}

/** Every move of an alias, the oldest first. */
export async function selectHistory(tx: Tx, key: ModelKey & { readonly alias: string }): Promise<Assignment[]> {
  const rows = await tx.query<AssignmentRow>(
    'SELECT * FROM assignment WHERE tenant_id = $1 AND model_id = $2 AND alias = $3 ORDER BY sequence',
    [key.tenant, key.model, key.alias],
  );
  return rows.map(assignmentOf);
}

/** Which moves to list. */
export interface AssignmentQuery {
  /** Only those numbered below; from the newest on where undefined. */
  readonly below: number | undefined;
  readonly alias: string | undefined;
  readonly until: Date | undefined;
  readonly size: number;
}

/** A model's moves, the newest first. */
export async function selectAssignments(tx: Tx, key: ModelKey, { below, alias, until, size }: AssignmentQuery): Promise<Assignment[]> {
  const rows = await tx.query<AssignmentRow>(
    `SELECT * FROM assignment WHERE tenant_id = $1 AND model_id = $2 AND ($3::bigint IS NULL OR sequence < $3)
       AND ($4::text IS NULL OR alias = $4) AND ($5::timestamptz IS NULL OR created_at <= $5)
     ORDER BY sequence DESC LIMIT $6`,
    [key.tenant, key.model, below ?? null, alias ?? null, until ?? null, size],
  );
  return rows.map(assignmentOf);
}

function assignmentOf(row: AssignmentRow): Assignment {
  return {
    sequence: Number(row.sequence),
    alias: row.alias,
    fromVersion: row.from_version ?? undefined,
    toVersion: row.to_version,
    cause: row.cause,
    principal: row.principal,
    reason: row.reason,
    createdAt: row.created_at,
  };
}
