import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { DomainError, type ErrorKind } from '@q2/errors';
import { BackgroundLoop } from '@q2/events';
import { Logger, ServiceClients } from '@q2/service-kit';
import { serviceActions } from '../actions/service-action.js';
import { OrchestratorSettings } from '../settings.js';
import { lostTask, maxDeliveries, redeliveryDelayMs } from '../tasks/delivery.js';
import { type TaskFailure, TaskResults } from '../tasks/task-results.service.js';
import { claimActions, type Task } from '../tasks/task-store.js';
import { channels } from '../workflows-schema.js';
import { LeasedTasks } from './leased-tasks.js';

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
  private readonly tasks: LeasedTasks;
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceClients) private readonly clients: ServiceClients,
    @Inject(TaskResults) private readonly results: TaskResults,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) logger: Logger,
  ) {
    this.loop = new BackgroundLoop({ name: 'claiming of actions', log: logger, step: () => this.step() });
    this.tasks = new LeasedTasks({
      ...{ database, logger, leaseMs: settings.leaseMs },
      perform: (task, signal) => this.attempt(task, signal),
      onDone: () => this.loop.wake(),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channels.tasks, () => this.loop.wake());
    this.tasks.start();
    this.loop.start();
  }

  /** What is under way is called off and given back, for another replica to do. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await this.loop.stop();
    await this.tasks.stop();
  }

  private async step(): Promise<number> {
    const limit = this.settings.actionsAtOnce - this.tasks.size;
    if (limit <= 0) return this.settings.pollMs;
    const { leaseMs } = this.settings;
    const tasks = await this.database.acrossTenants('workflow-claim', (tx) => claimActions(tx, { leaseMs, limit }));
    for (const task of tasks) this.tasks.begin(task);
    return this.settings.pollMs;
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
    if (signal.aborted) return this.tasks.release(task, 0);
    if (!(error instanceof DomainError)) throw error;
    const { kind, reason, message } = error;
    if (passing.has(kind) && task.deliveries < maxDeliveries)
      return this.tasks.release(task, error.retryAfterMs ?? redeliveryDelayMs(task.deliveries));
    await this.fail(task, { reason, message, isFinal: final.has(kind) });
  }

  private async fail(task: Task, failure: TaskFailure): Promise<void> {
    await this.results.settleOne(task.tenant, { lease: task, outcome: failure });
  }
}
