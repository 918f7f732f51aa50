import { workflows } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import { until } from './patience.js';

/** Waits for an execution of a workflow that a trigger started, and shows its steps. */
export async function watchReaction(context: DemoContext, workflowId: string): Promise<void> {
  const { narrator, tenant } = context;
  const service = clientOf(context, workflows.ExecutionService);
  const { ExecutionState, HistoryType } = workflows;
  const execution = await until(`the end of ${workflowId}`, async () => {
    const { executions } = await service.listExecutions({ parent: tenant, workflow: `${tenant}/workflows/${workflowId}` });
    return executions.find(({ state }) => state === ExecutionState.SUCCEEDED || state === ExecutionState.FAILED);
  });
  narrator.say(`${execution.name} was started by ${execution.starter}`);
  for await (const entry of service.watchExecution({ name: execution.name }))
    narrator.aside(`${HistoryType[entry.type]} ${entry.step}`.trimEnd());
  if (execution.state !== ExecutionState.SUCCEEDED) throw new Error(`${execution.name} failed: ${execution.failure?.message ?? ''}`);
}
