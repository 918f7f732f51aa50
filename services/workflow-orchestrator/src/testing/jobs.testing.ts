import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { workflows } from '@q2/contracts';
import { type Job, jobs, type Pod, pods } from '@q2/kubernetes';
import type { TestCluster } from '@q2/kubernetes/testing';
import type { StepInit } from './bench.testing.js';
import { eventually } from './bench.testing.js';

/** What tests say of a step besides its script. */
interface More {
  readonly retry?: MessageInitShape<typeof workflows.RetryPolicySchema>;
  readonly timeout?: MessageInitShape<typeof DurationSchema>;
  readonly continueOnFailure?: boolean;
  readonly job?: {
    readonly image?: string;
    readonly args?: string[];
    readonly environment?: Record<string, string>;
    readonly memoryMib?: number;
  };
}

/** A step that runs a shell's command. */
export function shellStep(id: string, script: string, { job = {}, ...step }: More = {}): StepInit {
  const { memoryMib = 64, ...more } = job;
  const resources = { cpuMillis: 20, memoryMib, storageMib: 16 };
  return {
    id,
    ...step,
    work: { case: 'job', value: { image: 'q2.test/shell:1', command: ['/bin/sh', '-c', script], resources, ...more } },
  };
}

/** What a namespace of jobs looks like to a test, which also plays the kubelet where none runs. */
export class JobNamespace {
  constructor(
    private readonly test: TestCluster,
    readonly namespace: string,
  ) {}

  /** Makes a namespace that enforces `restricted`. */
  static async make(test: TestCluster): Promise<JobNamespace> {
    return new JobNamespace(test, await test.makeNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' }));
  }

  get settings(): Record<string, string> {
    return { Q2_JOBS_NAMESPACE: this.namespace, KUBECONFIG: this.test.kubeconfig };
  }

  /** Jobs of a step, the oldest first. */
  async jobsOf(step: string): Promise<Job[]> {
    const { items } = await this.test.cluster.list(jobs, { namespace: this.namespace, labelSelector: `q2.io/step=${step}` });
    return items.sort((left, right) => (String(left.metadata?.creationTimestamp) < String(right.metadata?.creationTimestamp) ? -1 : 1));
  }

  /** Pods of a step. */
  async podsOf(step: string): Promise<Pod[]> {
    return (await this.test.cluster.list(pods, { namespace: this.namespace, labelSelector: `q2.io/step=${step}` })).items;
  }

  /** The first pod of a step that has not ended, once it is there. */
  async pod(step: string): Promise<string> {
    const found = await eventually(
      async () => (await this.podsOf(step)).find(({ status }) => status?.phase === 'Pending' || status?.phase === 'Running'),
      (pod) => pod !== undefined,
    );
    return found?.metadata?.name ?? '';
  }

  /** The node says what its container does. */
  async report(
    pod: string,
    phase: string,
    state: NonNullable<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']>,
  ): Promise<void> {
    const container = { name: 'job', image: 'q2.test/shell:1', imageID: '', ready: false, restartCount: 0, state };
    await this.test.cluster.patch(
      pods,
      { namespace: this.namespace, name: pod },
      { status: { phase, containerStatuses: [container] } },
      'status',
    );
  }

  /** The container runs to an exit code. */
  async finish(step: string, exitCode: number, message = ''): Promise<string> {
    const pod = await this.pod(step);
    const moment = new Date().toISOString();
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    const terminated = { exitCode, reason, message, startedAt: moment, finishedAt: moment };
    await this.report(pod, exitCode === 0 ? 'Succeeded' : 'Failed', { terminated });
    return pod;
  }
}
