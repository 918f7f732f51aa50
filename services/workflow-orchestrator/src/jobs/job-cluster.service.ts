import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { type AnyObject, Cluster, clusterEvents, type Job, jobs, type Pod, pods, type ResourceWatch } from '@q2/kubernetes';
import { ConfigurationError, Logger } from '@q2/service-kit';
import { OrchestratorSettings } from '../settings.js';
import { type JobPlace, selectorOf } from './job-manifest.js';

/** What this replica sees of the cluster that job steps run in. */
export interface JobView {
  readonly cluster: Cluster;
  readonly place: JobPlace;
  readonly jobs: ResourceWatch<Job>;
  readonly pods: ResourceWatch<Pod>;
}

/** The cluster that job steps run in, and every Job and pod of ours in it, watched. */
@Injectable()
export class JobCluster implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private current: JobView | undefined;
  private readonly wakers = new Set<(job: string) => void>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  /** Undefined where none is configured, or before the start. */
  get view(): JobView | undefined {
    return this.current;
  }

  /** @throws {FailedPrecondition} JOBS_NOT_CONFIGURED where job steps cannot run */
  demand(): void {
    if (this.settings.jobs !== undefined) return;
    throw new FailedPrecondition('JOBS_NOT_CONFIGURED', 'job steps need a Kubernetes cluster: Q2_JOBS_NAMESPACE is not set');
  }

  /** A cluster that is away is waited for; settings that lead to none end the start. */
  async onApplicationBootstrap(): Promise<void> {
    const { jobs: configured } = this.settings;
    if (configured === undefined) return;
    const { namespace, kubeconfig } = configured;
    const place = { namespace, installation: await this.installation() };
    const cluster = await connect(kubeconfig);
    const selection = { namespace, labelSelector: selectorOf(place) };
    const options = {
      onChange: ({ object }: { object: AnyObject }) => this.tell(jobOf(object)),
      onSynced: () => this.tell(''),
      onProblem: (error: unknown) => this.logger.warn({ error, server: cluster.server }, 'the cluster of job steps is away'),
    };
    this.current = { cluster, place, jobs: cluster.watch(jobs, selection, options), pods: cluster.watch(pods, selection, options) };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.current?.jobs.stop(), this.current?.pods.stop()]);
  }

  /** Calls back with the name of each Job that something happened to; with an empty one where anything may have. */
  onChange(waker: (job: string) => void): () => void {
    this.wakers.add(waker);
    return () => void this.wakers.delete(waker);
  }

  /** What the cluster last said about a Job that does not get a pod; empty where it said nothing or may not be asked. */
  async complaintAbout(job: string): Promise<string> {
    if (this.current === undefined) return '';
    const { cluster, place } = this.current;
    const fieldSelector = `involvedObject.name=${job},type=Warning`;
    try {
      const { items } = await cluster.list(clusterEvents, { namespace: place.namespace, fieldSelector });
      return items.at(-1)?.message ?? '';
    } catch (error) {
      this.logger.debug({ error }, 'events of the cluster could not be read');
      return '';
    }
  }

  private tell(job: string): void {
    for (const waker of [...this.wakers]) waker(job);
  }

  private async installation(): Promise<string> {
    const [row] = await this.database.inTenant('platform', (tx) =>
      tx.query<{ id: string }>('select id from installation where tenant_id = $1', [tx.tenant]),
    );
    if (row === undefined) throw new Error('the installation has no id');
    return row.id;
  }
}

async function connect(kubeconfig: string | undefined): Promise<Cluster> {
  try {
    return await Cluster.connect({ kubeconfig });
  } catch (error) {
    if (!(error instanceof FailedPrecondition)) throw error;
    throw new ConfigurationError([`Q2_JOBS_NAMESPACE is set, but ${error.message}; see KUBECONFIG`]);
  }
}

/** Pods have their Job's name as a label. */
function jobOf({ kind, metadata }: AnyObject): string {
  return (
    metadata?.labels?.['batch.kubernetes.io/job-name'] ?? metadata?.labels?.['job-name'] ?? (kind === 'Pod' ? '' : (metadata?.name ?? ''))
  );
}

/** The pods of a Job, as last seen. */
export function podsOf({ pods: watched }: JobView, job: string): Pod[] {
  return [...watched.items.values()].filter((pod) => jobOf(pod) === job);
}
