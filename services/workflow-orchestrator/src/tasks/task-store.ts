import { newId, type Tx } from '@q2/database';
import type { JsonObject } from '@q2/expressions';
import type { StartTask } from '../engine/command.js';
import { channels } from '../workflows-schema.js';

/** Queue of the attempts that run in Kubernetes. No worker's queue can have that name. */
const jobQueue = '$jobs';

/** One attempt of a step, given to whoever does it. */
export interface Task {
  readonly tenant: string;
  readonly id: string;
  /** Number of this delivery: what an earlier one says is refused. */
  readonly fence: number;
  readonly execution: string;
  readonly step: string;
  readonly attempt: number;
  /** A worker's handler, or a built-in action's name. */
  readonly handler: string;
  readonly input: JsonObject;
  readonly idempotencyKey: string;
  readonly deadlineAt: Date | undefined;
  /** How often it was given out, this time included. */
  readonly deliveries: number;
  /** What whoever had it before left to know; empty at first. */
  readonly notes: JsonObject;
}

/** A lease on a task. */
export interface TaskLease {
  readonly id: string;
  readonly fence: number;
}

interface Row {
  tenant_id: string;
  task_id: string;
  fence: string;
  execution_id: string;
  step: string;
  attempt: number;
  handler: string;
  input: JsonObject;
  idempotency_key: string;
  deadline_at: Date | null;
  deliveries: number;
  notes: JsonObject | null;
}

const columns = `t.tenant_id, t.task_id, t.fence, t.execution_id, t.step, t.attempt, t.handler, t.input, t.idempotency_key, t.deadline_at, t.deliveries, t.notes`;

/** Makes a task available. */
export async function insertTask(tx: Tx, execution: string, command: StartTask): Promise<void> {
  const { step, attempt, target, input, idempotencyKey, deadlineAtMs } = command;
  const [queue, handler] = placeOf(target);
  await tx.execute(
    `insert into task (tenant_id, task_id, execution_id, step, attempt, queue, handler, input, idempotency_key, deadline_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[tx.tenant, newId(), execution, step, attempt, queue, handler, JSON.stringify(input), idempotencyKey],
      deadlineAtMs === undefined ? null : new Date(deadlineAtMs),
    ],
  );
  await tx.query('select pg_notify($1, $2)', [channels.tasks, '']);
}

function placeOf(target: StartTask['target']): readonly [queue: string | null, handler: string] {
  if ('action' in target) return [null, target.action];
  return 'job' in target ? [jobQueue, 'job'] : [target.queue, target.handler];
}

/** Takes back the task of a step; whoever works on it learns so when it reports. */
export async function deleteTaskOf(tx: Tx, execution: string, step: string): Promise<void> {
  await tx.execute('delete from task where tenant_id = $1 and execution_id = $2 and step = $3', [tx.tenant, execution, step]);
  await tx.query('select pg_notify($1, $2)', [channels.tasks, '']);
}

/** Claims built-in actions, in a transaction across tenants; the longest waiting of each tenant first. */
export async function claimActions(tx: Tx, { leaseMs, limit }: { leaseMs: number; limit: number }): Promise<Task[]> {
  const rows = await tx.query<Row>(
    `with available as (
       select tenant_id, task_id, row_number() over (partition by tenant_id order by available_at) as turn
       from task where queue is null and available_at <= now() and (lease_until is null or lease_until < now())
     ), claimed as (
       select t.tenant_id, t.task_id from task t join available using (tenant_id, task_id)
       where t.available_at <= now() and (t.lease_until is null or t.lease_until < now())
       order by available.turn limit $1 for update of t skip locked
     ) ${claim}`,
    [limit, leaseMs],
  );
  return rows.map(taskOf);
}

/**
 * Claims attempts that run in Kubernetes, in a transaction across tenants; the longest waiting of each tenant first, and
 * no more of a tenant than `perTenant` at the same time, the other replicas' included.
 */
export async function claimJobs(
  tx: Tx,
  { leaseMs, limit, perTenant }: { leaseMs: number; limit: number; perTenant: number },
): Promise<Task[]> {
  const rows = await tx.query<Row>(
    `with busy as (
       select tenant_id, count(*) as held from task where queue = $3 and lease_until >= now() group by tenant_id
     ), available as (
       select t.tenant_id, t.task_id, coalesce(b.held, 0) + row_number() over (partition by t.tenant_id order by t.available_at) as turn
       from task t left join busy b on b.tenant_id = t.tenant_id
       where t.queue = $3 and t.available_at <= now() and (t.lease_until is null or t.lease_until < now())
     ), claimed as (
       select t.tenant_id, t.task_id from task t join available using (tenant_id, task_id)
       where available.turn <= $4 and t.available_at <= now() and (t.lease_until is null or t.lease_until < now())
       order by available.turn limit $1 for update of t skip locked
     ) ${claim}`,
    [limit, leaseMs, jobQueue, perTenant],
  );
  return rows.map(taskOf);
}

/** Leaves something to know for whoever has the task next, if the lease holds. What could be noted was no lost delivery. */
export async function saveNotes(tx: Tx, { id, fence }: TaskLease, notes: JsonObject): Promise<boolean> {
  const changed = await tx.execute('update task set notes = $4, deliveries = 0 where tenant_id = $1 and task_id = $2 and fence = $3', [
    ...[tx.tenant, id, fence],
    JSON.stringify(notes),
  ]);
  return changed > 0;
}

/** Those of some tasks, of any tenant, that still exist. */
export async function findExisting(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ task_id: string }>('select task_id from task where task_id = any($1::uuid[])', [[...ids]]);
  return new Set(rows.map(({ task_id }) => task_id));
}

/** Which tasks a worker takes. */
export interface WorkerClaim {
  readonly queues: readonly string[];
  readonly handlers: readonly string[];
  readonly leaseMs: number;
  readonly limit: number;
}

/** Claims tasks for a worker of the transaction's tenant. */
export async function claimForWorker(tx: Tx, { queues, handlers, leaseMs, limit }: WorkerClaim): Promise<Task[]> {
  const rows = await tx.query<Row>(
    `with claimed as (
       select tenant_id, task_id from task
       where tenant_id = $3 and queue = any($4) and handler = any($5) and available_at <= now() and (lease_until is null or lease_until < now())
       order by available_at limit $1 for update skip locked
     ) ${claim}`,
    [limit, leaseMs, tx.tenant, [...queues], [...handlers]],
  );
  return rows.map(taskOf);
}

const claim = `
  update task t set fence = t.fence + 1, deliveries = t.deliveries + 1, lease_until = now() + $2 * interval '1 millisecond'
  from claimed c where t.tenant_id = c.tenant_id and t.task_id = c.task_id
  returning ${columns}`;

/** Prolongs leases; gives the ids of those that still hold. */
export async function renewLeases(tx: Tx, leases: readonly TaskLease[], leaseMs: number): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ task_id: string }>(
    `update task t set lease_until = now() + $1 * interval '1 millisecond'
     from unnest($2::uuid[], $3::bigint[]) as held (task_id, fence)
     where t.task_id = held.task_id and t.fence = held.fence and ($4::text is null or t.tenant_id = $4)
     returning t.task_id`,
    [leaseMs, leases.map(({ id }) => id), leases.map(({ fence }) => fence), tx.tenant ?? null],
  );
  return new Set(rows.map(({ task_id }) => task_id));
}

/** The tasks of the leases that still hold. */
export async function findLeased(tx: Tx, leases: readonly TaskLease[]): Promise<Task[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from task t join unnest($2::uuid[], $3::bigint[]) as held (task_id, fence) on t.task_id = held.task_id and t.fence = held.fence
     where t.tenant_id = $1`,
    [tx.tenant, leases.map(({ id }) => id), leases.map(({ fence }) => fence)],
  );
  return rows.map(taskOf);
}

/** Ends a task, if its lease still holds. The execution must be locked before, as a decision locks it before its tasks. */
export async function endTask(tx: Tx, { id, fence }: TaskLease): Promise<boolean> {
  return (await tx.execute('delete from task where tenant_id = $1 and task_id = $2 and fence = $3', [tx.tenant, id, fence])) > 0;
}

/** Gives a task back to be delivered again later. */
export async function releaseTask(tx: Tx, { id, fence }: TaskLease, afterMs: number): Promise<void> {
  await tx.execute(
    `update task set lease_until = null, available_at = now() + $4 * interval '1 millisecond' where tenant_id = $1 and task_id = $2 and fence = $3`,
    [tx.tenant, id, fence, afterMs],
  );
}

function taskOf(row: Row): Task {
  return {
    tenant: row.tenant_id,
    id: row.task_id,
    fence: Number(row.fence),
    execution: row.execution_id,
    step: row.step,
    attempt: row.attempt,
    handler: row.handler,
    input: row.input,
    idempotencyKey: row.idempotency_key,
    deadlineAt: row.deadline_at ?? undefined,
    deliveries: row.deliveries,
    notes: row.notes ?? {},
  };
}
