import { createHash } from 'node:crypto';
import type { Job } from '@q2/kubernetes';
import type { JobInput } from '../engine/job-input.js';

/** An attempt, as its Job must know it. */
export interface JobAttempt {
  readonly tenant: string;
  /** Id of the execution. */
  readonly execution: string;
  readonly step: string;
  readonly attempt: number;
  /** Id of the attempt's task. */
  readonly task: string;
  readonly idempotencyKey: string;
  readonly input: JobInput;
  /** Seconds after which the cluster ends it by itself. */
  readonly deadlineSeconds: number | undefined;
}

/** Where Jobs are made. */
export interface JobPlace {
  readonly namespace: string;
  /** Id of this installation of the platform: it touches no other's Jobs. */
  readonly installation: string;
}

/** How long a Job is kept after its end. Until then nobody can make it again, and `kubectl` can look at it. */
export const keptSeconds = 3600;

/** Label that holds the id of the task. */
export const taskLabel = 'q2.io/task';

/** Selects the Jobs and pods of an installation. */
export function selectorOf({ installation }: JobPlace): string {
  return `app.kubernetes.io/managed-by=q2,q2.io/installation=${installation}`;
}

/** Names that the container finds itself by; a definition cannot set them. */
function environmentOf({ tenant, execution, step, attempt, idempotencyKey, input }: JobAttempt) {
  const own = {
    Q2_TENANT: tenant,
    Q2_EXECUTION: execution,
    Q2_STEP: step,
    Q2_ATTEMPT: String(attempt),
    Q2_IDEMPOTENCY_KEY: idempotencyKey,
  };
  const given = Object.entries({ HOME: '/tmp', ...input.environment }).map(([name, text]) => ({ name, value: literal(text) }));
  return [...given, ...Object.entries(own).map(([name, value]) => ({ name, value }))];
}

/** Kubernetes would replace `$(NAME)`; what a definition says arrives as it is. */
function literal(text: string): string {
  return text.replaceAll('$(', '$$$$(');
}

/**
 * Name of an attempt's Job. It depends on the attempt alone: whoever makes the Job a second time is told that it exists.
 * At most 63 characters, as pods have it as a label.
 */
export function jobNameOf({ installation }: JobPlace, { tenant, execution, step, attempt }: JobAttempt): string {
  const hash = createHash('sha256').update(`${installation}/${tenant}/${execution}/${step}/${attempt}`).digest('hex');
  return `${step.slice(0, 30).replace(/_+/g, '-').replace(/-$/, '')}-${hash.slice(0, 24)}`;
}

/** The Job of an attempt: one pod of one container that runs once, with nothing that Pod Security's `restricted` forbids. */
export function jobManifest(place: JobPlace, attempt: JobAttempt): Job {
  const { tenant, execution, step, deadlineSeconds } = attempt;
  const labels = {
    'app.kubernetes.io/managed-by': 'q2',
    'q2.io/installation': place.installation,
    'q2.io/tenant': tenant,
    'q2.io/execution': execution,
    'q2.io/step': step.replace(/_+$/, ''),
    [taskLabel]: attempt.task,
  };
  return {
    metadata: { name: jobNameOf(place, attempt), namespace: place.namespace, labels },
    spec: {
      // Attempts are the engine's business: the cluster begins each once.
      ...{ backoffLimit: 0, completions: 1, parallelism: 1, podReplacementPolicy: 'Failed', ttlSecondsAfterFinished: keptSeconds },
      ...(deadlineSeconds !== undefined && { activeDeadlineSeconds: deadlineSeconds }),
      template: { metadata: { labels }, spec: podSpec(attempt) },
    },
  };
}

type PodSpec = NonNullable<NonNullable<Job['spec']>['template']['spec']>;

function podSpec(attempt: JobAttempt): PodSpec {
  const { storageMib } = attempt.input;
  return {
    restartPolicy: 'Never',
    // The container speaks to no API of the cluster, and is not told of its Services.
    ...{ automountServiceAccountToken: false, enableServiceLinks: false, terminationGracePeriodSeconds: 15 },
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [containerOf(attempt)],
    volumes: [{ name: 'tmp', emptyDir: { sizeLimit: `${storageMib}Mi` } }],
  };
}

function containerOf(attempt: JobAttempt): PodSpec['containers'][number] {
  const { image, command, args, cpuMillis, memoryMib, storageMib, canWriteRoot } = attempt.input;
  const resources = { cpu: `${cpuMillis}m`, memory: `${memoryMib}Mi`, 'ephemeral-storage': `${storageMib}Mi` };
  return {
    name: 'job',
    image,
    ...(command.length > 0 && { command: command.map(literal) }),
    ...(args.length > 0 && { args: args.map(literal) }),
    env: environmentOf(attempt),
    resources: { requests: resources, limits: resources },
    ...{ imagePullPolicy: 'IfNotPresent', terminationMessagePolicy: 'File' },
    securityContext: {
      ...{ allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: !canWriteRoot },
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

/** Whether a Job is that of the attempt, and not a stranger's of the same name. */
export function isJobOf({ metadata }: Job, place: JobPlace, { task }: JobAttempt): boolean {
  return metadata?.labels?.['q2.io/installation'] === place.installation && metadata.labels[taskLabel] === task;
}
