import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import type { JsonObject, JsonValue } from '@q2/expressions';
import type { ExecutionEvent } from '../engine/event.js';
import { lockExecution } from '../executions/execution-store.js';
import { TurnsService } from '../executions/turns.service.js';
import { endTask, findLeased, type Task, type TaskLease } from './task-store.js';

/** Why an attempt failed. */
export interface TaskFailure {
  readonly reason: string;
  readonly message: string;
  readonly isFinal: boolean;
}

/** Takes what becomes of tasks. Each answer is false, and nothing is written, where the lease is lost. */
@Injectable()
export class TaskResults {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TurnsService) private readonly turns: TurnsService,
  ) {}

  complete(tenant: string, lease: TaskLease, output: JsonValue): Promise<boolean> {
    return this.end(tenant, lease, ({ step, attempt }) => ({ type: 'taskCompleted', step, attempt, output }));
  }

  fail(tenant: string, lease: TaskLease, failure: TaskFailure): Promise<boolean> {
    return this.end(tenant, lease, ({ step, attempt }) => ({ type: 'taskFailed', step, attempt, ...failure }));
  }

  /** Writes how far a task is to the history; the task goes on. */
  progress(tenant: string, lease: TaskLease, progress: JsonObject): Promise<boolean> {
    return this.database.inTenant(tenant, (tx) =>
      this.tell(tx, lease, ({ step, attempt }) => ({ type: 'progressed', step, attempt, progress })),
    );
  }

  private end(tenant: string, lease: TaskLease, eventOf: (task: Task) => ExecutionEvent): Promise<boolean> {
    return this.database.inTenant(tenant, (tx) => this.tell(tx, lease, eventOf, () => endTask(tx, lease)));
  }

  private async tell(
    tx: Tx,
    lease: TaskLease,
    eventOf: (task: Task) => ExecutionEvent,
    before = () => Promise.resolve(true),
  ): Promise<boolean> {
    const task = await findLeased(tx, lease);
    const locked = task && (await lockExecution(tx, task.execution));
    // What was found before the lock may be gone by now: another delivery, or a timeout.
    if (task === undefined || locked === undefined || !(await before())) return false;
    await this.turns.apply(tx, locked, [eventOf(task)]);
    return true;
  }
}
