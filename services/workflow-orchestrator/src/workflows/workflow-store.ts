import { fromJson, toJson } from '@bufbuild/protobuf';
import { workflows } from '@q2/contracts';
import type { JsonValue } from '@q2/expressions';
import type { Tx } from '@q2/database';

/** A version of a workflow. */
export interface WorkflowVersion {
  readonly tenant: string;
  readonly workflow: string;
  readonly version: number;
  readonly description: string;
  readonly definition: workflows.Definition;
  readonly creator: string;
  readonly createdAt: Date;
}

interface Row {
  tenant_id: string;
  workflow_id: string;
  version: number;
  description: string;
  definition: JsonValue;
  creator: string;
  created_at: Date;
}

const columns = 'tenant_id, workflow_id, version, description, definition, creator, created_at';

/** Stores the next version of a workflow. Two at the same time get two numbers. */
export async function insertVersion(
  tx: Tx,
  version: Pick<WorkflowVersion, 'workflow' | 'description' | 'definition' | 'creator'>,
): Promise<WorkflowVersion> {
  const { workflow, description, definition, creator } = version;
  // Versions of one workflow are numbered one after the other; the lock ends with the transaction.
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${tx.tenant}/${workflow}`]);
  const [row] = await tx.query<Row>(
    `insert into workflow_version (tenant_id, workflow_id, version, description, definition, creator)
     select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 from workflow_version where tenant_id = $1 and workflow_id = $2
     returning ${columns}`,
    [tx.tenant, workflow, description, JSON.stringify(toJson(workflows.DefinitionSchema, definition)), creator],
  );
  if (row === undefined) throw new Error('insert … returning gave no row');
  return versionOf(row);
}

/** A version, or the newest one where no number is given. */
export async function findVersion(tx: Tx, workflow: string, version?: number): Promise<WorkflowVersion | undefined> {
  const [row] = await tx.query<Row>(
    `select ${columns} from workflow_version
     where tenant_id = $1 and workflow_id = $2 and ($3::integer is null or version = $3) order by version desc limit 1`,
    [tx.tenant, workflow, version ?? null],
  );
  return row === undefined ? undefined : versionOf(row);
}

/** Newest versions of the workflows after a name, by name. */
export async function listNewest(tx: Tx, after: string, limit: number): Promise<WorkflowVersion[]> {
  const rows = await tx.query<Row>(
    `select distinct on (workflow_id) ${columns} from workflow_version
     where tenant_id = $1 and workflow_id > $2 order by workflow_id, version desc limit $3`,
    [tx.tenant, after, limit],
  );
  return rows.map(versionOf);
}

function versionOf(row: Row): WorkflowVersion {
  return {
    tenant: row.tenant_id,
    workflow: row.workflow_id,
    version: row.version,
    description: row.description,
    definition: fromJson(workflows.DefinitionSchema, row.definition),
    creator: row.creator,
    createdAt: row.created_at,
  };
}
