import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@q2/database';
import type { JsonObject, JsonValue } from '@q2/expressions';
import type { ExecutionEvent } from '../engine/event.js';
import { lockExecution } from '../executions/execution-store.js';
import { TurnsService } from '../executions/turns.service.js';
import { endTask, findLeased, saveNotes, type Task, type TaskLease } from './task-store.js';

/** Why an attempt failed. */
export interface TaskFailure {
  readonly reason: string;
  readonly message: string;
  readonly isFinal: boolean;
  /** What it gave all the same. */
  readonly output?: JsonValue;
}

/** What became of a task. */
export interface TaskReport {
  readonly lease: TaskLease;
  readonly outcome: { readonly output: JsonValue } | TaskFailure;
}

/** A report whose lease held when it was looked up. */
interface Held {
  readonly report: TaskReport;
  readonly task: Task;
}

/** Takes what becomes of tasks. What is reported under a lease that is lost is refused: nothing is written. */
@Injectable()
export class TaskResults {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TurnsService) private readonly turns: TurnsService,
  ) {}

  /** Stores reports, those of one execution together in one transaction. Gives those whose leases held. */
  async settle(tenant: string, reports: readonly TaskReport[]): Promise<ReadonlySet<TaskReport>> {
    const tasks = await this.database.inTenant(
      tenant,
      (tx) =>
        findLeased(
          tx,
          reports.map(({ lease }) => lease),
        ),
      { readOnly: true },
    );
    const held = reports.flatMap((report): Held[] => {
      const task = tasks.find(({ id, fence }) => id === report.lease.id && fence === report.lease.fence);
      return task === undefined ? [] : [{ report, task }];
    });
    const stored: TaskReport[] = [];
    for (const group of Map.groupBy(held, ({ task }) => task.execution).values()) stored.push(...(await this.settleGroup(tenant, group)));
    return new Set(stored);
  }

  /** Stores one report. False where its lease is lost. */
  async settleOne(tenant: string, report: TaskReport): Promise<boolean> {
    return (await this.settle(tenant, [report])).has(report);
  }

  /** Writes how far a task is to the history; the task goes on. Nothing happens where the lease is lost. */
  progress(tenant: string, lease: TaskLease, progress: JsonObject): Promise<void> {
    return this.database.inTenant(tenant, async (tx) => {
      const [task] = await findLeased(tx, [lease]);
      const locked = task && (await lockExecution(tx, task.execution));
      if (task !== undefined && locked !== undefined) {
        await this.turns.apply(tx, locked, [{ type: 'progressed', step: task.step, attempt: task.attempt, progress }]);
      }
    });
  }

  /** Writes what a task's container wrote to the history, and leaves notes with it. False, and nothing written, where the lease is lost. */
  logged(tenant: string, lease: TaskLease, { data, notes }: { data: JsonObject; notes: JsonObject }): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      const [task] = await findLeased(tx, [lease]);
      const locked = task && (await lockExecution(tx, task.execution));
      if (task === undefined || locked === undefined || !(await saveNotes(tx, lease, notes))) return false;
      await this.turns.apply(tx, locked, [{ type: 'logged', step: task.step, attempt: task.attempt, data }]);
      return true;
    });
  }

  private settleGroup(tenant: string, group: readonly Held[]): Promise<TaskReport[]> {
    return this.database.inTenant(tenant, async (tx) => {
      // The execution first and its tasks after, in the order in which a decision locks them.
      const [first] = group;
      const locked = first && (await lockExecution(tx, first.task.execution));
      const ended: Held[] = [];
      // What was found before the lock may be gone by now: another delivery, a timeout, or told twice.
      for (const held of group) if (await endTask(tx, held.report.lease)) ended.push(held);
      if (locked !== undefined) await this.turns.apply(tx, locked, ended.map(eventOf));
      return ended.map(({ report }) => report);
    });
  }
}

function eventOf({ task: { step, attempt }, report: { outcome } }: Held): ExecutionEvent {
  return 'reason' in outcome
    ? { type: 'taskFailed', step, attempt, ...outcome }
    : { type: 'taskCompleted', step, attempt, output: outcome.output };
}
