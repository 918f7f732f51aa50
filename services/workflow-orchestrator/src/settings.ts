import { configuration, wholeNumber, type ProcessContext } from '@q2/service-kit';
import { z } from 'zod';

/** What the orchestrator can be told. */
export const orchestratorSettings = z.object({
  WORKFLOW_LEASE_MS: wholeNumber({ min: 200, max: 600_000, fallback: 15_000 }).describe(
    'How long a replica or a worker keeps what it has claimed without a sign of life',
  ),
  WORKFLOW_POLL_MS: wholeNumber({ min: 10, max: 60_000, fallback: 1_000 }).describe(
    'How often due work is looked for where no notification came',
  ),
  WORKFLOW_ACTIONS_AT_ONCE: wholeNumber({ min: 1, max: 1_000, fallback: 16 }).describe(
    'Built-in actions that a replica runs at the same time',
  ),
  Q2_JOBS_NAMESPACE: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a Kubernetes namespace')
    .optional()
    .describe('Kubernetes namespace that job steps run in; without it definitions with job steps are refused'),
  KUBECONFIG: z
    .string()
    .min(1)
    .optional()
    .describe('File that leads to the cluster of job steps; by default the service account of the pod that the process runs in'),
  Q2_JOBS_START_TIMEOUT_MS: wholeNumber({ min: 100, max: 86_400_000, fallback: 120_000 }).describe(
    'How long a job may be kept from starting, by an image that cannot be pulled or a lack of room, before its attempt fails',
  ),
  Q2_JOBS_PER_TENANT: wholeNumber({ min: 1, max: 10_000, fallback: 50 }).describe('Job steps of a tenant that run at the same time'),
});

/** The cluster that job steps run in. */
export interface JobSettings {
  readonly namespace: string;
  readonly kubeconfig: string | undefined;
  readonly startTimeoutMs: number;
  readonly perTenant: number;
}

/** The settings as read, for injection. */
export abstract class OrchestratorSettings {
  abstract readonly leaseMs: number;
  abstract readonly pollMs: number;
  abstract readonly actionsAtOnce: number;
  /** Undefined where job steps cannot run. */
  abstract readonly jobs: JobSettings | undefined;
}

/** Reads them from the process's environment variables. */
export function readOrchestratorSettings({ environment }: Pick<ProcessContext, 'environment'>): OrchestratorSettings {
  const settings = configuration(orchestratorSettings, environment);
  return {
    leaseMs: settings.WORKFLOW_LEASE_MS,
    pollMs: settings.WORKFLOW_POLL_MS,
    actionsAtOnce: settings.WORKFLOW_ACTIONS_AT_ONCE,
    jobs: jobSettingsOf(settings),
  };
}

function jobSettingsOf(settings: z.infer<typeof orchestratorSettings>): JobSettings | undefined {
  const { Q2_JOBS_NAMESPACE: namespace, KUBECONFIG: kubeconfig } = settings;
  if (namespace === undefined) return undefined;
  return { namespace, kubeconfig, startTimeoutMs: settings.Q2_JOBS_START_TIMEOUT_MS, perTenant: settings.Q2_JOBS_PER_TENANT };
}
