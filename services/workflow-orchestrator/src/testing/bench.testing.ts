import type { MessageInitShape } from '@bufbuild/protobuf';
import { workflows } from '@q2/contracts';
import type { Client } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { WorkflowOrchestratorModule } from '../workflow-orchestrator.module.js';
import { EventRecorder, FakeAlerts, FakeQuotas, NeighboursModule, type Recorded } from './neighbours.testing.js';

export type StepInit = MessageInitShape<typeof workflows.StepSchema>;
type Work = NonNullable<StepInit['work']>;
export type DefinitionInit = MessageInitShape<typeof workflows.DefinitionSchema>;

/** Waits until something holds, for at most a minute. */
export async function eventually<T>(ask: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> {
  const until = Date.now() + 60_000;
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    if (Date.now() > until)
      throw new Error(
        `did not come about; last seen: ${JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part))}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** An orchestrator on a real PostgreSQL with its clients, and monitoring's stand-in. */
export class Bench {
  readonly definitions: Client<typeof workflows.WorkflowService>;
  readonly executions: Client<typeof workflows.ExecutionService>;
  readonly workers: Client<typeof workflows.WorkerService>;

  private constructor(readonly platform: TestPlatform) {
    const editor = { tenant: 'acme', roles: ['editor'] };
    this.definitions = platform.client(workflows.WorkflowService, editor);
    this.executions = platform.client(workflows.ExecutionService, editor);
    this.workers = platform.client(workflows.WorkerService, editor);
  }

  /**
   * @param databaseUrl continues there, as another replica or after a restart
   * @param settings more of them
   */
  static async start(databaseUrl?: string, settings: Record<string, string> = {}): Promise<Bench> {
    const environment = { WORKFLOW_LEASE_MS: '600', WORKFLOW_POLL_MS: '100', ...settings };
    const modules = [WorkflowOrchestratorModule, NeighboursModule];
    const bench = new Bench(await startTestPlatform({ modules, environment, ...(databaseUrl !== undefined && { databaseUrl }) }));
    if (databaseUrl === undefined) await bench.platform.get(EventRecorder).announceTenant('acme');
    return bench;
  }

  get alerts(): FakeAlerts {
    return this.platform.get(FakeAlerts);
  }

  get quotas(): FakeQuotas {
    return this.platform.get(FakeQuotas);
  }

  /** Events of an execution, once as many have arrived. */
  announced(execution: string, count: number): Promise<Recorded[]> {
    const { events } = this.platform.get(EventRecorder);
    return eventually(
      () => events.filter(({ key }) => key === execution),
      (found) => found.length >= count,
    );
  }

  /** Stores a definition of these steps. */
  async define(workflowId: string, steps: StepInit[], more: DefinitionInit = {}): Promise<string> {
    const { name } = await this.definitions.createWorkflow({ parent: 'tenants/acme', workflowId, definition: { steps, ...more } });
    return name;
  }

  /** Stores a definition and starts it. */
  async run(workflowId: string, steps: StepInit[], more: DefinitionInit & { input?: Record<string, number | string | boolean> } = {}) {
    const { input = {}, ...definition } = more;
    const workflow = await this.define(workflowId, steps, definition);
    return this.executions.startExecution({ parent: 'tenants/acme', workflow, input });
  }

  /** The execution once it is in a state. */
  async until({ name }: { name: string }, state: workflows.ExecutionState): Promise<workflows.Execution> {
    return eventually(
      () => this.executions.getExecution({ name }),
      (execution) => execution.state === state,
    );
  }

  /** Types of the history's entries, with their steps. */
  async history(name: string, afterSequence = 0n): Promise<string[]> {
    const entries: string[] = [];
    for await (const { type, step } of this.executions.watchExecution({ name, afterSequence })) {
      entries.push(`${workflows.HistoryType[type]}${step === '' ? '' : ` ${step}`}`);
    }
    return entries;
  }
}

export const action = (name: string, input: Record<string, number | string | boolean> = {}): Work => ({
  case: 'action',
  value: { name, input },
});
export const task = (handler: string, input: Record<string, number | string | boolean> = {}): Work => ({
  case: 'task',
  value: { queue: 'default', handler, input },
});
