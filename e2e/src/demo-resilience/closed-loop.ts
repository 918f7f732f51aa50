import { readFile } from 'node:fs/promises';
import { experiments, models, monitoring, tenants, workflows } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import { signIn, type Whereabouts } from '../demo/sign-in.js';
import { keyFile } from '../process/running-platform.js';

/** What a run of the demo left behind, as the platform tells it. */
export interface LeftBehind {
  /** Each move of production, such as `ROLLBACK 1.2.0 → 1.1.0`, in order. */
  readonly production: readonly string[];
  /** Each execution, such as `roll-back SUCCEEDED`, sorted. */
  readonly executions: readonly string[];
  /** Each decision about the experiment, by its winner. */
  readonly winners: readonly string[];
  /** The version that each alert is about. */
  readonly alerts: readonly string[];
  readonly isAuditIntact: boolean;
}

/** What every run leaves behind, however often it or the platform was killed: nothing lost, nothing done twice. */
export const closedLoop: LeftBehind = {
  production: ['PROMOTION – → 1.0.0', 'PROMOTION 1.0.0 → 1.1.0', 'PROMOTION 1.1.0 → 1.2.0', 'ROLLBACK 1.2.0 → 1.1.0'],
  executions: ['promote-winner SUCCEEDED', 'roll-back SUCCEEDED'],
  winners: ['candidate'],
  alerts: ['1.2.0'],
  isAuditIntact: true,
};

/** Reads with the operator's key what a run left behind. */
export async function leftBehind(at: { home: string; where: string | Whereabouts; tenant: string }): Promise<LeftBehind> {
  const clients = signIn(at.where, (await readFile(keyFile(at.home), 'utf8')).trim());
  const { tenant } = at;
  try {
    const { decisions } = await clients.get(experiments.ExperimentService).listDecisions({ parent: `${tenant}/experiments/digits-1-1` });
    const { alerts } = await clients.get(monitoring.AlertService).listAlerts({ parent: tenant });
    const { intact } = await clients.get(tenants.AuditService).verifyLog({ parent: tenant });
    return {
      production: await production(clients, tenant),
      executions: await executions(clients, tenant),
      winners: decisions.map(({ winnerVariant }) => winnerVariant),
      alerts: alerts.map(({ labels }) => labels['version'] ?? ''),
      isAuditIntact: intact,
    };
  } finally {
    clients.close();
  }
}

async function production(clients: ServiceClients, tenant: string): Promise<string[]> {
  const { assignments } = await clients
    .get(models.ModelService)
    .listAssignments({ parent: `${tenant}/models/digits`, alias: 'production' });
  return [...assignments]
    .sort((a, b) => Number(a.sequence - b.sequence))
    .map(
      ({ cause, fromVersion, toVersion }) => `${models.AssignmentCause[cause]} ${lastPart(fromVersion) || '–'} → ${lastPart(toVersion)}`,
    );
}

async function executions(clients: ServiceClients, tenant: string): Promise<string[]> {
  const { executions } = await clients.get(workflows.ExecutionService).listExecutions({ parent: tenant });
  return executions.map(({ workflow, state }) => `${workflow.split('/')[3] ?? ''} ${workflows.ExecutionState[state]}`).sort();
}

function lastPart(name: string): string {
  return name.split('/').at(-1) ?? '';
}
