import type { Job, Pod } from '@q2/kubernetes';

/** Why an attempt failed. */
export interface JobFailure {
  readonly reason: string;
  readonly message: string;
  /** Another attempt would fail the same way. */
  readonly isFinal: boolean;
}

/** How a container ended. */
export interface ContainerEnd {
  readonly exitCode: number;
  /** In Kubernetes' words: `Completed`, `Error`, `OOMKilled`, … */
  readonly reason: string;
  /** What it wrote to /dev/termination-log. */
  readonly message: string;
}

/** How an attempt stands in the cluster. */
export type Verdict =
  /** It has not begun; `obstacle` is what keeps it from it, and may pass. */
  | { readonly kind: 'pending'; readonly obstacle?: JobFailure }
  | { readonly kind: 'running' }
  | { readonly kind: 'succeeded'; readonly end: ContainerEnd | undefined }
  | { readonly kind: 'failed'; readonly failure: JobFailure; readonly end: ContainerEnd | undefined };

/** What the cluster says of an attempt. */
export function verdictOf(job: Job, pods: readonly Pod[]): Verdict {
  const end = pods.map(endOf).find((each) => each !== undefined);
  if (hasCondition(job, 'Complete')) return { kind: 'succeeded', end };
  const failed = hasCondition(job, 'Failed');
  if (failed !== undefined) return { kind: 'failed', failure: failureOf(failed, pods, end), end };
  if (job.metadata?.deletionTimestamp !== undefined) return { kind: 'failed', failure: lostJob(job), end };
  const [pod] = pods;
  if (pod === undefined) return { kind: 'pending', obstacle: notStarted };
  if (hasBegun(pod)) return { kind: 'running' };
  const obstacle = obstacleOf(pod);
  if (obstacle === undefined) return { kind: 'pending' };
  return obstacle.isFinal ? { kind: 'failed', failure: obstacle, end } : { kind: 'pending', obstacle };
}

/** Whether a Job has ended, however. */
export function hasEnded(job: Job): boolean {
  return hasCondition(job, 'Complete') !== undefined || hasCondition(job, 'Failed') !== undefined;
}

/** Whether the container of a pod has written anything it will: it runs, or has run. */
export function hasBegun(pod: Pod): boolean {
  const { running, terminated } = pod.status?.containerStatuses?.[0]?.state ?? {};
  return running !== undefined || terminated !== undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Whether the container of a pod will write no more. */
export function hasStopped(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' || endOf(pod) !== undefined;
}

/** The failure of a Job that somebody removed. */
export function lostJob({ metadata }: Pick<Job, 'metadata'>): JobFailure {
  return { reason: 'JOB_LOST', message: `the Job ${metadata?.name ?? ''} was deleted by somebody else before it ended`, isFinal: false };
}

const notStarted: JobFailure = { reason: 'JOB_NOT_STARTED', message: 'the cluster has made no pod for it', isFinal: false };

function hasCondition({ status }: Job, type: string) {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

function endOf({ status }: Pod): ContainerEnd | undefined {
  const terminated = status?.containerStatuses?.[0]?.state?.terminated;
  if (terminated === undefined) return undefined;
  const { exitCode, reason = '', message = '' } = terminated;
  return { exitCode, reason, message };
}

function failureOf(
  { reason = '', message = '' }: { reason?: string; message?: string },
  pods: readonly Pod[],
  end: ContainerEnd | undefined,
): JobFailure {
  if (reason === 'DeadlineExceeded') return { reason: 'TIMEOUT', message: `the cluster ended the job: ${message}`, isFinal: false };
  const evicted = pods.find(({ status }) => status?.reason === 'Evicted' || status?.reason === 'Preempting');
  if (evicted !== undefined)
    return { reason: 'JOB_EVICTED', message: `the pod was evicted: ${evicted.status?.message ?? ''}`, isFinal: false };
  if (end === undefined) return { reason: 'JOB_FAILED', message: `the job failed: ${message}`, isFinal: false };
  if (end.reason === 'OOMKilled')
    return { reason: 'JOB_OUT_OF_MEMORY', message: 'the container took more memory than it has', isFinal: false };
  return { reason: 'JOB_FAILED', message: `the container ended with exit code ${end.exitCode} (${end.reason})`, isFinal: false };
}

/** Why the kubelet cannot get the image. The first stays as it is. */
const imageReasons = [
  'InvalidImageName',
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
];
const refusalReasons = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];

function obstacleOf(pod: Pod): JobFailure | undefined {
  return containerObstacle(pod) ?? placeObstacle(pod);
}

function containerObstacle({ status }: Pod): JobFailure | undefined {
  const [container] = status?.containerStatuses ?? [];
  const waiting = container?.state?.waiting;
  if (container === undefined || waiting === undefined) return undefined;
  const { reason = '', message: why = '' } = waiting;
  if (imageReasons.includes(reason)) {
    const message = `the image ${container.image} cannot be used: ${reason}: ${why}`;
    return { reason: 'JOB_IMAGE_UNAVAILABLE', message, isFinal: reason === 'InvalidImageName' };
  }
  if (!refusalReasons.includes(reason)) return undefined;
  return { reason: 'JOB_REFUSED', message: `the container cannot be made: ${reason}: ${why}`, isFinal: true };
}

function placeObstacle({ status }: Pod): JobFailure | undefined {
  const unscheduled = status?.conditions?.find(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False');
  if (unscheduled === undefined) return undefined;
  return { reason: 'JOB_UNSCHEDULABLE', message: `no node has room for the pod: ${unscheduled.message ?? ''}`, isFinal: false };
}
