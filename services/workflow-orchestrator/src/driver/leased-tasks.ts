import type { Database } from '@q2/database';
import type { Logger } from '@q2/service-kit';
import { releaseTask, renewLeases, type Task } from '../tasks/task-store.js';

/** What the holder of tasks needs. */
export interface LeasedTasksOptions {
  readonly database: Database;
  readonly logger: Logger;
  readonly leaseMs: number;
  /** Does one task. What it throws is logged: the lease ends, and the task comes again. */
  readonly perform: (task: Task, signal: AbortSignal) => Promise<void>;
  /** Called after each. */
  readonly onDone: () => void;
}

/** Tasks that this replica has claimed and works on. Their leases are kept; what has lost its lease is called off. */
export class LeasedTasks {
  private readonly running = new Map<Task, { abort: AbortController; done: Promise<void> }>();
  private renewal: NodeJS.Timeout | undefined;

  constructor(private readonly options: LeasedTasksOptions) {}

  get size(): number {
    return this.running.size;
  }

  start(): void {
    this.renewal = setInterval(() => void this.renew(), this.options.leaseMs / 3);
  }

  /** What is under way is called off. */
  async stop(): Promise<void> {
    const running = [...this.running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
    clearInterval(this.renewal);
  }

  begin(task: Task): void {
    const abort = new AbortController();
    const done = this.perform(task, abort.signal).finally(() => {
      this.running.delete(task);
      this.options.onDone();
    });
    this.running.set(task, { abort, done });
  }

  /** Gives a task back to be delivered again later. */
  release(task: Task, afterMs: number): Promise<void> {
    return this.options.database.inTenant(task.tenant, (tx) => releaseTask(tx, task, afterMs));
  }

  private async perform(task: Task, signal: AbortSignal): Promise<void> {
    try {
      await this.options.perform(task, signal);
    } catch (error) {
      const { tenant, execution, step } = task;
      this.options.logger.error({ error, tenant, execution, step }, 'the result of a step could not be stored');
    }
  }

  private async renew(): Promise<void> {
    const tasks = [...this.running.keys()];
    if (tasks.length === 0) return;
    const { database, leaseMs, logger } = this.options;
    try {
      const held = await database.acrossTenants('workflow-claim', (tx) => renewLeases(tx, tasks, leaseMs));
      for (const task of tasks) if (!held.has(task.id)) this.running.get(task)?.abort.abort();
    } catch (error) {
      logger.warn({ error }, 'leases could not be renewed');
    }
  }
}
