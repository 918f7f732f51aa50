import { experiments, models, monitoring, schedules, workflows } from '@q2/contracts';
import type { ServiceClients } from '@q2/service-kit';
import type { Ledger } from './ledger.js';
import type { Load } from './load.js';
import type { Verdict } from './verdict.js';

/** Once all is up again one step of every journey succeeds, each of its requests the first time it is sent. */
export async function stepAfterHealing(load: Load, ledger: Ledger): Promise<Verdict> {
  const before = ledger.acknowledged.length;
  const { claim, violations } = await load.stepOnce();
  const sent = ledger.acknowledged.slice(before);
  const repeated = sent.filter(({ tries }) => tries > 1).map(({ method, tries }) => `${method} was sent ${String(tries)} times`);
  return { claim, checked: sent.length, violations: [...violations, ...repeated] };
}

/** Every service knows every tenant, however its replicas were killed while they heard of it. */
export async function tenantsKnownEverywhere(operator: ServiceClients, tenants: readonly string[]): Promise<Verdict> {
  const violations: string[] = [];
  for (const parent of tenants) {
    const lists = [
      operator.get(models.ModelService).listModels({ parent }),
      operator.get(experiments.ExperimentService).listExperiments({ parent }),
      operator.get(monitoring.MonitorService).listMonitors({ parent }),
      operator.get(workflows.WorkflowService).listWorkflows({ parent }),
      operator.get(schedules.TriggerService).listTriggers({ parent }),
    ];
    for (const result of await Promise.allSettled(lists))
      if (result.status === 'rejected') violations.push(`${parent}: ${String(result.reason)}`);
  }
  return { claim: 'every service knows every tenant', checked: tenants.length * 5, violations };
}
