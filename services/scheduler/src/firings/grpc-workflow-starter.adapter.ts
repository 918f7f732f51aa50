import { Inject, Injectable } from '@nestjs/common';
import { workflows } from '@q2/contracts';
import { AlreadyExists } from '@q2/errors';
import { ServiceClients } from '@q2/service-kit';
import { WorkflowStarter, type WorkflowStart } from './workflow-starter.port.js';

/** Less than a claim's lease, so that an attempt has ended before another replica begins the next. */
const timeoutMs = 10_000;

/** Starts executions at workflow-orchestrator. */
@Injectable()
export class GrpcWorkflowStarter extends WorkflowStarter {
  constructor(@Inject(ServiceClients) private readonly clients: ServiceClients) {
    super();
  }

  /** An execution that exists under this name is ours: only the firing knows it. */
  async start({ tenant, execution, workflow, input, requestId }: WorkflowStart): Promise<void> {
    const executionId = workflows.executionName.parse(execution).execution;
    const request = { parent: `tenants/${tenant}`, executionId, workflow, input, requestId };
    try {
      await this.clients.get(workflows.ExecutionService).startExecution(request, { timeoutMs });
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
    }
  }
}
