import { workflows } from '@q2/contracts';
import { allPages, type LoadedTenant } from './journey.js';
import { exactlyOnce, type Verdict } from './verdict.js';

/** An execution as verdicts see it. */
export interface FoundExecution {
  readonly name: string;
  /** The input's `key`, by which what started it is known. */
  readonly key: string;
  readonly state: string;
}

/** All executions of a workflow. */
export async function executionsOf(tenant: LoadedTenant, workflowId: string): Promise<FoundExecution[]> {
  const service = tenant.clients.get(workflows.ExecutionService);
  const workflow = `${tenant.name}/workflows/${workflowId}`;
  const executions = await allPages(async (pageToken) => {
    const page = await service.listExecutions({ parent: tenant.name, workflow, pageSize: 1_000, pageToken });
    return { items: page.executions, nextPageToken: page.nextPageToken };
  });
  return executions.map(({ name, input, state }) => ({
    name,
    key: String(input?.['key']),
    state: workflows.ExecutionState[state],
  }));
}

/** Each key has exactly one execution, and each execution has succeeded. */
export function succeededOnce(claim: string, keys: readonly string[], executions: readonly FoundExecution[]): Verdict[] {
  const unended = executions.filter(({ state }) => state !== 'SUCCEEDED');
  return [
    exactlyOnce(
      claim,
      keys,
      executions.map(({ key }) => key),
    ),
    {
      claim: 'no execution is stuck or has failed',
      checked: executions.length,
      violations: unended.map(({ name, state }) => `${name} is ${state}`),
    },
  ];
}
