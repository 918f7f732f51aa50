import type { Tx } from '@q2/database';
import type { JsonObject } from '@q2/expressions';
import type { HistoryEntry, HistoryType } from '../engine/command.js';
import type { HeardEvent } from '../engine/event.js';
import { type ExecutionState, type ExecutionStatus, hasEnded, nextTimerAtMs } from '../engine/state.js';
import { channels } from '../workflows-schema.js';

/** Which execution. */
export interface ExecutionKey {
  readonly tenant: string;
  readonly execution: string;
}

/** An execution as it is stored. */
export interface Execution extends ExecutionKey {
  readonly workflow: string;
  readonly version: number;
  readonly starter: string;
  readonly input: JsonObject;
  readonly state: ExecutionState;
  readonly lastSequence: number;
  readonly createdAt: Date;
}

/** An execution that the transaction has locked. */
export interface LockedExecution extends Execution {
  /** The database's time: the only clock that replicas share. */
  readonly nowMs: number;
}

interface Row {
  tenant_id: string;
  execution_id: string;
  workflow_id: string;
  version: number;
  starter: string;
  input: JsonObject;
  state: ExecutionState;
  last_sequence: string;
  created_at: Date;
  now_ms: number;
}

const columns = `tenant_id, execution_id, workflow_id, version, starter, input, state, last_sequence, created_at,
  floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

/** Stores an execution that has not begun. */
export async function insertExecution(tx: Tx, execution: Omit<Execution, 'lastSequence' | 'createdAt'>): Promise<void> {
  const { execution: id, workflow, version, starter, input, state } = execution;
  await tx.execute(
    `insert into execution (tenant_id, execution_id, workflow_id, version, starter, input, status, state, last_sequence)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
    [tx.tenant, id, workflow, version, starter, JSON.stringify(input), state.status, JSON.stringify(state)],
  );
}

export async function findExecution(tx: Tx, execution: string): Promise<Execution | undefined> {
  const [row] = await tx.query<Row>(`select ${columns} from execution where tenant_id = $1 and execution_id = $2`, [tx.tenant, execution]);
  return row === undefined ? undefined : executionOf(row);
}

/**
 * Locks an execution until the transaction ends: whoever changes it does so alone.
 *
 * @param fence number of the claim that must still hold; undefined for changes that need none
 */
export async function lockExecution(tx: Tx, execution: string, fence?: number): Promise<LockedExecution | undefined> {
  const [row] = await tx.query<Row>(
    `select ${columns} from execution where tenant_id = $1 and execution_id = $2 and ($3::bigint is null or fence = $3) for update`,
    [tx.tenant, execution, fence ?? null],
  );
  return row === undefined ? undefined : { ...executionOf(row), nowMs: row.now_ms };
}

/** What a list of executions is narrowed to. */
export interface ExecutionFilter {
  readonly workflow: string | undefined;
  readonly status: ExecutionStatus | undefined;
  readonly isPaused: boolean | undefined;
  /** The last execution of the page before. */
  readonly after: { readonly createdAt: string; readonly execution: string } | undefined;
  readonly size: number;
}

/** Executions, newest first. */
export async function listExecutions(tx: Tx, filter: ExecutionFilter): Promise<Execution[]> {
  const { workflow, status, isPaused, after, size } = filter;
  const rows = await tx.query<Row>(
    `select ${columns} from execution
     where tenant_id = $1 and ($2::text is null or workflow_id = $2) and ($3::text is null or status = $3)
       and ($4::boolean is null or (state->>'isPaused')::boolean = $4)
       and ($5::timestamptz is null or (created_at, execution_id) < ($5, $6))
     order by created_at desc, execution_id desc limit $7`,
    [tx.tenant, workflow ?? null, status ?? null, isPaused ?? null, after?.createdAt ?? null, after?.execution ?? null, size],
  );
  return rows.map(executionOf);
}

/** Stores what a decision made of an execution, and lets go of its claim. It is due again at its next timer, or now where an event was heard. */
export async function saveState(
  tx: Tx,
  { execution, state, lastSequence }: Pick<Execution, 'execution' | 'state' | 'lastSequence'>,
): Promise<void> {
  const dueAtMs = nextTimerAtMs(state);
  await tx.execute(
    `update execution set status = $3, state = $4, last_sequence = $5, ended_at = $6, lease_until = null, holds_quota = holds_quota or $6::timestamptz is null,
       due_at = case when exists (select 1 from heard_event h where h.tenant_id = $1 and h.execution_id = $2) then now() else $7::timestamptz end
     where tenant_id = $1 and execution_id = $2`,
    [
      tx.tenant,
      execution,
      state.status,
      JSON.stringify(state),
      lastSequence,
      dateOf(hasEnded(state) ? state.endedAtMs : undefined),
      dateOf(dueAtMs),
    ],
  );
}

function dateOf(atMs: number | undefined): Date | null {
  return atMs === undefined ? null : new Date(atMs);
}

/** Appends to the history. */
export async function appendHistory(tx: Tx, { execution, lastSequence }: Execution, entries: readonly HistoryEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map(({ type, step, attempt, data, atMs }, index) => ({
    sequence: lastSequence + 1 + index,
    type,
    step,
    attempt,
    data,
    at: new Date(atMs),
  }));
  await tx.execute(
    `insert into execution_history (tenant_id, execution_id, sequence, type, step, attempt, data, at)
     select $1, $2, sequence, type, step, attempt, data, at
     from jsonb_to_recordset($3::jsonb) as entry (sequence bigint, type text, step text, attempt integer, data jsonb, at timestamptz)`,
    [tx.tenant, execution, JSON.stringify(rows)],
  );
  await tx.query('select pg_notify($1, $2)', [channels.history, `${tx.tenant}/${execution}`]);
}

/** An entry of the history with its number. */
export interface StoredEntry extends HistoryEntry {
  readonly sequence: number;
}

/** Entries after a number, in order. */
export async function readHistory(tx: Tx, execution: string, { after, limit }: { after: number; limit: number }): Promise<StoredEntry[]> {
  const rows = await tx.query<{ sequence: string; type: HistoryType; step: string; attempt: number; data: JsonObject; at: Date }>(
    `select sequence, type, step, attempt, data, at from execution_history
     where tenant_id = $1 and execution_id = $2 and sequence > $3 order by sequence limit $4`,
    [tx.tenant, execution, after, limit],
  );
  return rows.map(({ sequence, at, ...entry }) => ({ ...entry, sequence: Number(sequence), atMs: at.getTime() }));
}

/** A claim on an execution that is due. */
export interface ExecutionClaim extends ExecutionKey {
  readonly fence: number;
}

/**
 * Claims executions that are due, in a transaction across tenants: the longest due of each tenant first, so that none
 * starves beside another's flood.
 */
export async function claimDue(tx: Tx, { leaseMs, limit }: { leaseMs: number; limit: number }): Promise<ExecutionClaim[]> {
  const rows = await tx.query<{ tenant_id: string; execution_id: string; fence: string }>(
    `with due as (
       select tenant_id, execution_id, row_number() over (partition by tenant_id order by due_at) as turn
       from execution where due_at <= now() and (lease_until is null or lease_until < now())
     ), claimed as (
       select e.tenant_id, e.execution_id from execution e join due using (tenant_id, execution_id)
       where e.due_at <= now() and (e.lease_until is null or e.lease_until < now())
       order by due.turn limit $1 for update of e skip locked
     )
     update execution e set fence = e.fence + 1, lease_until = now() + $2 * interval '1 millisecond'
     from claimed c where e.tenant_id = c.tenant_id and e.execution_id = c.execution_id
     returning e.tenant_id, e.execution_id, e.fence`,
    [limit, leaseMs],
  );
  return rows.map((row) => ({ tenant: row.tenant_id, execution: row.execution_id, fence: Number(row.fence) }));
}

/** Milliseconds until the next execution is due, across tenants; undefined where none will be. */
export async function nextDueInMs(tx: Tx): Promise<number | undefined> {
  const [row] = await tx.query<{ in_ms: number | null }>(
    `select extract(epoch from min(greatest(due_at, coalesce(lease_until, due_at))) - now())::float8 * 1000 as in_ms from execution where due_at is not null`,
  );
  return row?.in_ms ?? undefined;
}

/** Keeps an event for every step of the tenant that listens to its type, and makes their executions due. */
export async function keepForListeners(tx: Tx, event: HeardEvent): Promise<void> {
  const heard = await tx.execute(
    `insert into heard_event (tenant_id, execution_id, step, event)
     select tenant_id, execution_id, step, $3 from listener where tenant_id = $1 and event_type = $2 order by execution_id`,
    [tx.tenant, event.type, JSON.stringify(event)],
  );
  if (heard === 0) return;
  await tx.execute(
    `update execution e set due_at = now() where tenant_id = $1
       and exists (select 1 from listener l where l.tenant_id = e.tenant_id and l.execution_id = e.execution_id and l.event_type = $2)`,
    [tx.tenant, event.type],
  );
  await tx.query('select pg_notify($1, $2)', [channels.executions, '']);
}

/** Takes the events kept for an execution, oldest first. */
export async function takeHeard(tx: Tx, execution: string): Promise<{ step: string; event: HeardEvent }[]> {
  const rows = await tx.query<{ id: string; step: string; event: HeardEvent }>(
    'delete from heard_event where tenant_id = $1 and execution_id = $2 returning id, step, event',
    [tx.tenant, execution],
  );
  return rows.sort((left, right) => Number(left.id) - Number(right.id));
}

/** Begins or ends listening for a step. */
export async function setListener(
  tx: Tx,
  { execution, step, eventType }: { execution: string; step: string; eventType: string | undefined },
): Promise<void> {
  if (eventType === undefined) {
    await tx.execute('delete from listener where tenant_id = $1 and execution_id = $2 and step = $3', [tx.tenant, execution, step]);
    return;
  }
  await tx.execute('insert into listener (tenant_id, execution_id, step, event_type) values ($1, $2, $3, $4)', [
    tx.tenant,
    execution,
    step,
    eventType,
  ]);
}

function executionOf(row: Row): Execution {
  return {
    tenant: row.tenant_id,
    execution: row.execution_id,
    workflow: row.workflow_id,
    version: row.version,
    starter: row.starter,
    input: row.input,
    state: row.state,
    lastSequence: Number(row.last_sequence),
    createdAt: row.created_at,
  };
}

/** Executions that have ended and still hold a share of their tenant's quota, across tenants. */
export async function findEndedHolders(tx: Tx, limit: number): Promise<ExecutionKey[]> {
  const rows = await tx.query<{ tenant_id: string; execution_id: string }>(
    'select tenant_id, execution_id from execution where holds_quota and ended_at is not null limit $1',
    [limit],
  );
  return rows.map((row) => ({ tenant: row.tenant_id, execution: row.execution_id }));
}

/** Notes that an ended execution holds its share no more. False where it does not, or runs again. */
export async function letGo(tx: Tx, execution: string): Promise<boolean> {
  const changed = await tx.execute(
    'update execution set holds_quota = false where tenant_id = $1 and execution_id = $2 and holds_quota and ended_at is not null',
    [tx.tenant, execution],
  );
  return changed > 0;
}
