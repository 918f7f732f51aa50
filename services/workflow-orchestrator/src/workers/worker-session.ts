import { BackgroundLoop } from '@q2/events';
import type { Logger } from '@q2/service-kit';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { workflows } from '@q2/contracts';
import type { Database } from '@q2/database';
import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import { executionNameOf } from '../executions/turns.service.js';
import type { OrchestratorSettings } from '../settings.js';
import { lostTask, maxDeliveries } from '../tasks/delivery.js';
import type { TaskReport, TaskResults } from '../tasks/task-results.service.js';
import { claimForWorker, findLeased, renewLeases, type Task, type TaskLease } from '../tasks/task-store.js';
import { Channel } from './channel.js';

type Response = MessageInitShape<typeof workflows.WorkResponseSchema>;
type Message = workflows.WorkRequest['message'];
type Registration = workflows.Register;

/** Reports that are stored together at most. */
const reportsAtOnce = 100;

const settledKept = 1_000;

const keyOf = ({ id, fence }: TaskLease) => `${id}/${fence}`;

/** What a session needs of the service. */
export interface SessionParts {
  readonly database: Database;
  readonly results: TaskResults;
  readonly settings: OrchestratorSettings;
  readonly logger: Logger;
}

/**
 * One worker's connection: gives it as many tasks as it has capacity for, and takes what becomes of them. Its tasks
 * outlive it: a worker that comes back within the lease may still report them, on a new connection too.
 */
export class WorkerSession {
  readonly outbound = new Channel<Response>();
  private readonly loop: BackgroundLoop;
  /** Tasks given out on this connection. */
  private readonly underWay = new Map<string, TaskLease>();
  /** What was reported and is not stored yet. */
  private readonly reports: TaskReport[] = [];
  private storing: Promise<void> | undefined;
  /** The latest tasks whose results are stored. */
  private readonly settled = new Set<string>();
  private registration: Registration | undefined;
  private isDraining = false;

  constructor(
    private readonly tenant: string,
    private readonly parts: SessionParts,
  ) {
    this.loop = new BackgroundLoop({ name: 'giving of tasks to a worker', log: parts.logger, step: () => this.step() });
  }

  /** Reads what the worker says until it ends, then ends too. */
  async read(requests: AsyncIterable<workflows.WorkRequest>): Promise<void> {
    try {
      for await (const { parent, message } of requests) {
        if (parent !== `tenants/${this.tenant}`)
          throw InvalidArgument.field('parent', `must be tenants/${this.tenant} in every message, got '${parent}'`);
        await this.hear(message);
      }
      await this.storing;
      this.outbound.close();
    } catch (error) {
      this.outbound.fail(error);
    }
  }

  /** Looks for tasks, and for those taken back, now. */
  wake(): void {
    this.loop.wake();
  }

  async stop(): Promise<void> {
    this.outbound.close();
    await this.loop.stop();
  }

  private async hear(message: Message): Promise<void> {
    if (message.case === 'register') return this.register(message.value);
    if (this.registration === undefined)
      throw new FailedPrecondition('WORKER_NOT_REGISTERED', 'the first message of a worker must be register');
    switch (message.case) {
      case 'heartbeat':
        return this.heartbeat(message.value.tasks);
      case 'complete': {
        const { lease, output } = message.value;
        return this.report({ lease: leaseOf(lease), outcome: { output: output ?? {} } });
      }
      case 'fail': {
        const { lease, reason, message: text, isFinal } = message.value;
        return this.report({ lease: leaseOf(lease), outcome: { reason, message: text, isFinal } });
      }
      default:
        return this.drain();
    }
  }

  private register(registration: Registration): void {
    if (this.registration !== undefined) throw new FailedPrecondition('WORKER_REGISTERED', 'a worker registers once for each connection');
    this.registration = registration;
    this.outbound.push({ message: { case: 'registered', value: { leaseDuration: durationFromMs(this.parts.settings.leaseMs) } } });
    this.loop.start();
  }

  private async heartbeat(tasks: readonly workflows.TaskProgress[]): Promise<void> {
    const leases = tasks.map(({ lease }) => leaseOf(lease));
    const { database, settings, results } = this.parts;
    const held = await database.inTenant(this.tenant, (tx) => renewLeases(tx, leases, settings.leaseMs));
    for (const lease of leases) if (!held.has(lease.id) && !this.settled.has(keyOf(lease))) this.revoke(lease);
    for (const { lease, progress } of tasks) if (progress !== undefined) await results.progress(this.tenant, leaseOf(lease), progress);
  }

  /** Stores what is reported, together with what is reported meanwhile, and without keeping heartbeats waiting. */
  private async report(report: TaskReport): Promise<void> {
    this.reports.push(report);
    this.storing ??= this.storeReports();
    // A worker that reports more than it was given waits.
    if (this.reports.length > (this.registration?.capacity ?? 0)) await this.storing;
  }

  private async storeReports(): Promise<void> {
    try {
      while (this.reports.length > 0) {
        const batch = this.reports.splice(0, reportsAtOnce);
        const stored = await this.parts.results.settle(this.tenant, batch);
        for (const report of batch) this.answer(report, stored.has(report));
      }
    } catch (error) {
      this.outbound.fail(error);
    } finally {
      this.storing = undefined;
    }
  }

  private answer({ lease }: TaskReport, isStored: boolean): void {
    if (!isStored) return this.revoke(lease);
    this.outbound.push({ message: { case: 'acknowledged', value: { task: this.nameOf(lease), fence: BigInt(lease.fence) } } });
    this.remember(lease);
    this.forget(lease);
  }

  /** A heartbeat that crossed its task's acknowledgement revokes nothing. */
  private remember(lease: TaskLease): void {
    const [oldest] = this.settled;
    if (this.settled.size >= settledKept && oldest !== undefined) this.settled.delete(oldest);
    this.settled.add(keyOf(lease));
  }

  private revoke(lease: TaskLease): void {
    this.outbound.push({ message: { case: 'revoked', value: { task: this.nameOf(lease), fence: BigInt(lease.fence) } } });
    this.forget(lease);
  }

  private forget({ id, fence }: TaskLease): void {
    if (this.underWay.get(id)?.fence === fence) this.underWay.delete(id);
    if (this.isDraining && this.underWay.size === 0) this.outbound.close();
    this.loop.wake();
  }

  private drain(): void {
    this.isDraining = true;
    if (this.underWay.size === 0) this.outbound.close();
  }

  private async step(): Promise<number> {
    await this.revokeLost();
    await this.giveTasks();
    return this.parts.settings.pollMs;
  }

  /** Tells the worker at once of tasks that were cancelled or timed out, without waiting for its heartbeat. */
  private async revokeLost(): Promise<void> {
    const leases = [...this.underWay.values()];
    if (leases.length === 0) return;
    const found = await this.parts.database.inTenant(this.tenant, (tx) => findLeased(tx, leases), { readOnly: true });
    const held = new Set(found.map(keyOf));
    const lost = leases.filter((lease) => !held.has(keyOf(lease)));
    // One that was reported meanwhile is not under way any more.
    for (const lease of lost) if (this.underWay.get(lease.id)?.fence === lease.fence) this.revoke(lease);
  }

  private async giveTasks(): Promise<void> {
    const { registration } = this;
    if (registration === undefined || this.isDraining) return;
    const limit = registration.capacity - this.underWay.size;
    if (limit <= 0) return;
    const { database, settings, results } = this.parts;
    const { queues, handlers } = registration;
    const tasks = await database.inTenant(this.tenant, (tx) => claimForWorker(tx, { queues, handlers, leaseMs: settings.leaseMs, limit }));
    for (const task of tasks) {
      if (task.deliveries > maxDeliveries) await results.settleOne(this.tenant, { lease: task, outcome: lostTask });
      else this.give(task);
    }
  }

  private give(task: Task): void {
    this.underWay.set(task.id, { id: task.id, fence: task.fence });
    this.outbound.push({ message: { case: 'task', value: taskProto(task, this.nameOf(task)) } });
  }

  private nameOf({ id }: { id: string }): string {
    return workflows.taskName.format({ tenant: this.tenant, task: id });
  }
}

function taskProto(task: Task, name: string) {
  const { fence, handler, input, step, attempt, idempotencyKey, deadlineAt } = task;
  return {
    name,
    fence: BigInt(fence),
    handler,
    input,
    execution: executionNameOf(task),
    step,
    attempt,
    idempotencyKey,
    ...(deadlineAt !== undefined && { deadline: timestampFromDate(deadlineAt) }),
  };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The contract requires a lease; a name that is none of ours is refused here. */
function leaseOf(lease: workflows.TaskLease | undefined): TaskLease {
  const { task } = workflows.taskName.parse(lease?.task ?? '', 'lease.task');
  if (!uuid.test(task)) throw InvalidArgument.field('lease.task', `must be the name of a task that was given, got '${task}'`);
  return { id: task, fence: Number(lease?.fence ?? 0n) };
}
