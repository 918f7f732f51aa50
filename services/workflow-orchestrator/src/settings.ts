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
});

/** The settings as read, for injection. */
export abstract class OrchestratorSettings {
  abstract readonly leaseMs: number;
  abstract readonly pollMs: number;
  abstract readonly actionsAtOnce: number;
}

/** Reads them from the process's environment variables. */
export function readOrchestratorSettings({ environment }: Pick<ProcessContext, 'environment'>): OrchestratorSettings {
  const settings = configuration(orchestratorSettings, environment);
  return { leaseMs: settings.WORKFLOW_LEASE_MS, pollMs: settings.WORKFLOW_POLL_MS, actionsAtOnce: settings.WORKFLOW_ACTIONS_AT_ONCE };
}
