import { Inject, Injectable } from '@nestjs/common';
import { Database, isUniqueViolation, newId, type Tx } from '@q2/database';
import { AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted } from '@q2/errors';
import type { JsonObject } from '@q2/expressions';
import { initialState } from '../engine/decide.js';
import type { ExecutionEvent } from '../engine/event.js';
import { type ExecutionStatus, hasEnded } from '../engine/state.js';
import { ExecutionQuota } from '../quota/execution-quota.adapter.js';
import { type VersionKey, WorkflowsService } from '../workflows/workflows.service.js';
import {
  type Execution,
  type ExecutionFilter,
  type ExecutionKey,
  findExecution,
  insertExecution,
  listExecutions,
  lockExecution,
  type LockedExecution,
  readHistory,
  type StoredEntry,
} from './execution-store.js';
import { executionNameOf, TurnsService } from './turns.service.js';

/** What a caller gives to start an execution. */
export interface Start {
  /** Made here when empty. */
  readonly execution: string;
  readonly workflow: VersionKey;
  readonly input: JsonObject;
  readonly starter: string;
}

/** Signals that one execution keeps for waits to come. */
const signalsKept = 100;

/** Starts executions, and does with them what callers ask. */
@Injectable()
export class ExecutionsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(WorkflowsService) private readonly workflows: WorkflowsService,
    @Inject(TurnsService) private readonly turns: TurnsService,
    @Inject(ExecutionQuota) private readonly quota: ExecutionQuota,
  ) {}

  /**
   * Starts an execution of a version, which it will finish on.
   *
   * @throws {NotFound} WORKFLOW_NOT_FOUND
   * @throws {FailedPrecondition} JOBS_NOT_CONFIGURED
   * @throws {AlreadyExists} EXECUTION_EXISTS
   * @throws {ResourceExhausted} QUOTA_EXCEEDED where the tenant's plan allows no more at the same time
   */
  start(tenant: string, { execution, workflow, input, starter }: Start): Promise<Execution> {
    return this.database.inTenant(tenant, async (tx) => {
      const { version } = await this.workflows.get(workflow);
      await this.workflows.demandRunnable({ ...workflow, version });
      const key = { tenant, execution: execution === '' ? `e-${newId()}` : execution };
      await insertNew(tx, { ...key, workflow: workflow.workflow, version, starter, input, state: initialState(Date.now()) });
      await this.quota.acquire(key);
      return this.turns.apply(tx, await lock(tx, key), [{ type: 'started' }]);
    });
  }

  /** @throws {NotFound} EXECUTION_NOT_FOUND */
  async get(key: ExecutionKey): Promise<Execution> {
    const found = await this.database.inTenant(key.tenant, (tx) => findExecution(tx, key.execution));
    if (found === undefined) throw notFound(key);
    return found;
  }

  /** Newest first. */
  list(tenant: string, filter: ExecutionFilter): Promise<Execution[]> {
    return this.database.inTenant(tenant, (tx) => listExecutions(tx, filter), { readOnly: true });
  }

  /** Cancelling what was cancelled changes nothing. */
  cancel(key: ExecutionKey, reason: string): Promise<Execution> {
    return this.change(key, {
      event: { type: 'cancelRequested', reason },
      allowed: ({ state }) => !hasEnded(state) || state.status === 'cancelled',
    });
  }

  pause(key: ExecutionKey): Promise<Execution> {
    return this.change(key, { event: { type: 'pauseRequested' }, allowed: ({ state }) => !hasEnded(state) });
  }

  resume(key: ExecutionKey): Promise<Execution> {
    return this.change(key, { event: { type: 'resumeRequested' }, allowed: ({ state }) => !hasEnded(state) });
  }

  /** @throws {ResourceExhausted} QUOTA_EXCEEDED where the tenant's plan allows no more at the same time */
  retryFromFailure(key: ExecutionKey): Promise<Execution> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const locked = await lock(tx, key);
      if (locked.state.status !== 'failed') throw wrongState(key, 'retryRequested', locked.state.status);
      await this.quota.acquire(key);
      return this.turns.apply(tx, locked, [{ type: 'retryRequested' }]);
    });
  }

  /** @throws {ResourceExhausted} SIGNALS_UNHEARD where too many wait to be heard */
  signal(key: ExecutionKey, signal: string, payload: JsonObject): Promise<Execution> {
    const allowed = ({ state }: Execution) => {
      const kept = Object.values(state.signals).flat().length;
      if (kept < signalsKept) return !hasEnded(state);
      const message = `${executionNameOf(key)} keeps ${kept} signals that no step has waited for; at most ${signalsKept} are kept`;
      throw new ResourceExhausted('SIGNALS_UNHEARD', message, { execution: executionNameOf(key) });
    };
    return this.change(key, { event: { type: 'signalled', signal, payload }, allowed });
  }

  /** A page of the history, and whether more may come. */
  history(key: ExecutionKey, range: { after: number; limit: number }): Promise<{ entries: StoredEntry[]; isOver: boolean }> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        // In this order: an execution seen as ended has no entries that are not seen.
        const found = await findExecution(tx, key.execution);
        if (found === undefined) throw notFound(key);
        const entries = await readHistory(tx, key.execution, range);
        return { entries, isOver: hasEnded(found.state) && range.after + entries.length >= found.lastSequence };
      },
      { readOnly: true },
    );
  }

  private change(
    key: ExecutionKey,
    { event, allowed }: { event: ExecutionEvent; allowed: (execution: Execution) => boolean },
  ): Promise<Execution> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const locked = await lock(tx, key);
      if (!allowed(locked)) throw wrongState(key, event.type, locked.state.status);
      return this.turns.apply(tx, locked, [event]);
    });
  }
}

async function insertNew(tx: Tx, execution: Parameters<typeof insertExecution>[1]): Promise<void> {
  try {
    await insertExecution(tx, execution);
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new AlreadyExists('EXECUTION_EXISTS', `${executionNameOf(execution)} exists already`, { execution: executionNameOf(execution) });
  }
}

async function lock(tx: Tx, key: ExecutionKey): Promise<LockedExecution> {
  const locked = await lockExecution(tx, key.execution);
  if (locked === undefined) throw notFound(key);
  return locked;
}

function notFound(key: ExecutionKey): NotFound {
  return new NotFound('EXECUTION_NOT_FOUND', `${executionNameOf(key)} does not exist`, { execution: executionNameOf(key) });
}

const needed: Partial<Record<ExecutionEvent['type'], string>> = { retryRequested: 'one that failed can be retried' };

function wrongState(key: ExecutionKey, event: ExecutionEvent['type'], status: ExecutionStatus): FailedPrecondition {
  const message = `${executionNameOf(key)} is ${status}; only ${needed[event] ?? 'one that has not ended can be changed'}`;
  return new FailedPrecondition('EXECUTION_STATE', message, { execution: executionNameOf(key), state: status });
}
