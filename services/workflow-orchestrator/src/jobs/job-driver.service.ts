import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { type Job, jobs } from '@q2/kubernetes';
import { Logger } from '@q2/service-kit';
import { LeasedTasks } from '../driver/leased-tasks.js';
import { OrchestratorSettings } from '../settings.js';
import { TaskResults } from '../tasks/task-results.service.js';
import { claimJobs, findExisting, saveNotes, type Task } from '../tasks/task-store.js';
import { channels } from '../workflows-schema.js';
import { JobCluster, type JobView } from './job-cluster.service.js';
import { taskLabel } from './job-manifest.js';
import { JobRun } from './job-run.js';
import { hasEnded } from './job-verdict.js';

/** Jobs that one replica watches over at the same time. */
const jobsAtOnce = 500;

/**
 * Runs job steps in Kubernetes. A replica holds the lease of each attempt it watches over; one that dies is replaced by
 * another when its lease ends, which finds the Job where it was. Every replica deletes Jobs whose attempt is no longer
 * wanted: cancelled, timed out, or made by one that came too late.
 */
@Injectable()
export class JobDriver implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly claiming: BackgroundLoop;
  private readonly sweeping: BackgroundLoop;
  private readonly tasks: LeasedTasks;
  private stopListening: (() => Promise<void>) | undefined;
  private stopHearing: (() => void) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(JobCluster) private readonly jobCluster: JobCluster,
    @Inject(TaskResults) private readonly results: TaskResults,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) private readonly logger: Logger,
  ) {
    this.claiming = new BackgroundLoop({ name: 'claiming of jobs', log: logger, step: () => this.takeOn() });
    this.sweeping = new BackgroundLoop({ name: 'deletion of unwanted jobs', log: logger, step: () => this.sweep() });
    this.tasks = new LeasedTasks({
      ...{ database, logger, leaseMs: settings.leaseMs },
      perform: (task, signal) => this.perform(task, signal),
      onDone: () => this.claiming.wake(),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.settings.jobs === undefined) return;
    this.stopListening = await this.database.listen(channels.tasks, () => this.wake());
    this.stopHearing = this.jobCluster.onChange(() => this.sweeping.wake());
    this.tasks.start();
    for (const loop of [this.claiming, this.sweeping]) loop.start();
  }

  /** Jobs go on in the cluster; another replica watches over them. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.settings.jobs === undefined) return;
    this.stopHearing?.();
    await this.stopListening?.();
    await Promise.all([this.claiming.stop(), this.sweeping.stop()]);
    await this.tasks.stop();
  }

  private wake(): void {
    this.claiming.wake();
    this.sweeping.wake();
  }

  /** Claims attempts that nobody watches over. */
  async claim(): Promise<Task[]> {
    const { leaseMs, jobs: configured } = this.settings;
    const limit = jobsAtOnce - this.tasks.size;
    if (limit <= 0 || configured === undefined || this.jobCluster.view === undefined) return [];
    const { perTenant } = configured;
    return this.database.acrossTenants('workflow-claim', (tx) => claimJobs(tx, { leaseMs, limit, perTenant }));
  }

  private async takeOn(): Promise<number> {
    for (const task of await this.claim()) this.tasks.begin(task);
    return this.settings.pollMs;
  }

  private async perform(task: Task, signal: AbortSignal): Promise<void> {
    const { view } = this.jobCluster;
    const { jobs: configured } = this.settings;
    if (view === undefined || configured === undefined) return;
    const { tenant, execution, step } = task;
    const parts = {
      ...{ jobCluster: this.jobCluster, view, startTimeoutMs: configured.startTimeoutMs },
      settle: (outcome: Parameters<TaskResults['settleOne']>[1]['outcome']) => this.results.settleOne(tenant, { lease: task, outcome }),
      note: (notes: Task['notes']) => this.database.inTenant(tenant, (tx) => saveNotes(tx, task, notes)),
      logged: (data: Task['notes'], notes: Task['notes']) => this.results.logged(tenant, task, { data, notes }),
      warn: (error: unknown, message: string) => this.logger.warn({ error, tenant, execution, step }, message),
    };
    await new JobRun(task, parts, signal).run();
    // Called off because this process ends: the next need not wait for the lease.
    if (signal.aborted) await this.tasks.release(task, 0);
  }

  /** Deletes the Jobs that have not ended and whose attempts are no longer there. */
  private async sweep(): Promise<number> {
    const { view } = this.jobCluster;
    const open = [...(view?.jobs.items.values() ?? [])].filter((job) => !hasEnded(job) && job.metadata?.deletionTimestamp === undefined);
    if (view === undefined || open.length === 0) return this.settings.pollMs;
    const ids = open.map(taskOf).filter((id) => uuid.test(id));
    const wanted = await this.database.acrossTenants('workflow-claim', (tx) => findExisting(tx, ids));
    for (const job of open) if (!wanted.has(taskOf(job))) await this.remove(view, job);
    return this.settings.pollMs;
  }

  private async remove({ cluster, place }: JobView, { metadata }: Job): Promise<void> {
    const key = { namespace: place.namespace, name: metadata?.name ?? '' };
    await cluster.delete(jobs, key, { propagation: 'Foreground', uid: metadata?.uid });
    this.logger.info({ job: key.name, tenant: metadata?.labels?.['q2.io/tenant'] }, 'a job that is no longer wanted was deleted');
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function taskOf({ metadata }: Job): string {
  return metadata?.labels?.[taskLabel] ?? '';
}
