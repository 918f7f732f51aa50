import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { DomainError, type ErrorKind } from '@q2/errors';
import { BackgroundLoop } from '@q2/events';
import { Logger, ServiceClients } from '@q2/service-kit';
import { serviceActions } from '../actions/service-action.js';
import { OrchestratorSettings } from '../settings.js';
import { lostTask, maxDeliveries, redeliveryDelayMs } from '../tasks/delivery.js';
import { type TaskFailure, TaskResults } from '../tasks/task-results.service.js';
import { claimActions, releaseTask, renewLeases, type Task } from '../tasks/task-store.js';
import { channels } from '../workflows-schema.js';

/** Longest time of one call to another service. */
const callTimeoutMs = 30_000;

/** What may be over soon: the same delivery is tried again without costing the step an attempt. */
const passing: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED', 'RESOURCE_EXHAUSTED']);

/** What stays as it is: another attempt would fail the same way. */
const final: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'ALREADY_EXISTS', 'OUT_OF_RANGE']);

/** Does the built-in actions that call other services. An action repeated after a crash has the same request_id, and so no second effect. */
@Injectable()
export class ActionDriver implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private readonly running = new Map<Task, { abort: AbortController; done: Promise<void> }>();
  private stopListening: (() => Promise<void>) | undefined;
  private renewal: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceClients) private readonly clients: ServiceClients,
    @Inject(TaskResults) private readonly results: TaskResults,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({ name: 'claiming of actions', log: logger, step: () => this.step() });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channels.tasks, () => this.loop.wake());
    this.renewal = setInterval(() => void this.renew(), this.settings.leaseMs / 3);
    this.loop.start();
  }

  /** What is under way is called off and given back, for another replica to do. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await this.loop.stop();
    const running = [...this.running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
    clearInterval(this.renewal);
  }

  private async step(): Promise<number> {
    const limit = this.settings.actionsAtOnce - this.running.size;
    if (limit <= 0) return this.settings.pollMs;
    const { leaseMs } = this.settings;
    const tasks = await this.database.acrossTenants('workflow-claim', (tx) => claimActions(tx, { leaseMs, limit }));
    for (const task of tasks) this.begin(task);
    return this.settings.pollMs;
  }

  private begin(task: Task): void {
    const abort = new AbortController();
    const done = this.perform(task, abort.signal).finally(() => {
      this.running.delete(task);
      this.loop.wake();
    });
    this.running.set(task, { abort, done });
  }

  private async perform(task: Task, signal: AbortSignal): Promise<void> {
    try {
      await this.attempt(task, signal);
    } catch (error) {
      // The result could not be stored. The lease ends, and the task comes again.
      this.logger.error(
        { error, tenant: task.tenant, execution: task.execution, step: task.step },
        'the result of an action could not be stored',
      );
    }
  }

  private async attempt(task: Task, signal: AbortSignal): Promise<void> {
    const { tenant, handler, input, idempotencyKey, deliveries } = task;
    const action = serviceActions.get(handler);
    if (action === undefined)
      return this.fail(task, { reason: 'ACTION_UNKNOWN', message: `there is no action '${handler}'`, isFinal: true });
    if (deliveries > maxDeliveries) return this.fail(task, lostTask);
    try {
      const output = await action.run(this.clients, { tenant, input, requestId: idempotencyKey, signal, timeoutMs: callTimeoutMs });
      await this.results.settleOne(tenant, { lease: task, outcome: { output } });
    } catch (error) {
      await this.settle(task, signal, error);
    }
  }

  private async settle(task: Task, signal: AbortSignal, error: unknown): Promise<void> {
    if (signal.aborted) return this.release(task, 0);
    if (!(error instanceof DomainError)) throw error;
    const { kind, reason, message } = error;
    if (passing.has(kind) && task.deliveries < maxDeliveries)
      return this.release(task, error.retryAfterMs ?? redeliveryDelayMs(task.deliveries));
    await this.fail(task, { reason, message, isFinal: final.has(kind) });
  }

  private async fail(task: Task, failure: TaskFailure): Promise<void> {
    await this.results.settleOne(task.tenant, { lease: task, outcome: failure });
  }

  private release(task: Task, afterMs: number): Promise<void> {
    return this.database.inTenant(task.tenant, (tx) => releaseTask(tx, task, afterMs));
  }

  /** Keeps the leases of what is under way; what has lost its lease is called off. */
  private async renew(): Promise<void> {
    const tasks = [...this.running.keys()];
    if (tasks.length === 0) return;
    try {
      const held = await this.database.acrossTenants('workflow-claim', (tx) => renewLeases(tx, tasks, this.settings.leaseMs));
      for (const task of tasks) if (!held.has(task.id)) this.running.get(task)?.abort.abort();
    } catch (error) {
      this.logger.warn({ error }, 'leases could not be renewed');
    }
  }
}
