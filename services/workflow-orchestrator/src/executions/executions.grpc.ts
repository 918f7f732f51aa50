import { Inject, Injectable } from '@nestjs/common';
import { workflows } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { type Call, decodePage, encodePage, pageSizeOf, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { versionKey } from '../workflows/workflows.grpc.js';
import { WorkflowsService } from '../workflows/workflows.service.js';
import { executionProto, executionWithSteps, historyProto, stateFilter } from './execution-proto.js';
import type { Execution, ExecutionKey } from './execution-store.js';
import { ExecutionsService } from './executions.service.js';
import { HistoryWatch } from './history-watch.service.js';

const cursor = z.object({ createdAt: z.iso.datetime(), execution: z.string().max(63) });

const keyOf = (name: string): ExecutionKey => workflows.executionName.parse(name);

/** Serves q2.workflows.v1.ExecutionService. */
@Injectable()
export class ExecutionsGrpc implements ServiceImpl<typeof workflows.ExecutionService> {
  constructor(
    @Inject(ExecutionsService) private readonly executions: ExecutionsService,
    @Inject(WorkflowsService) private readonly workflows: WorkflowsService,
    @Inject(HistoryWatch) private readonly watch: HistoryWatch,
  ) {}

  async startExecution({ executionId, workflow, input }: workflows.StartExecutionRequest, call: Call) {
    const key = versionKey(workflow, 'workflow');
    if (key.tenant !== call.tenant)
      throw InvalidArgument.field('workflow', `must be a workflow of tenants/${call.tenant}, got '${workflow}'`);
    const start = { execution: executionId, workflow: key, input: input ?? {}, starter: call.principal.id };
    return this.withSteps(await this.executions.start(call.tenant, start));
  }

  async getExecution({ name }: workflows.GetExecutionRequest) {
    return this.withSteps(await this.executions.get(keyOf(name)));
  }

  async listExecutions(request: workflows.ListExecutionsRequest, call: Call) {
    const size = pageSizeOf(request);
    const workflow = request.workflow === '' ? undefined : workflows.workflowName.parse(request.workflow, 'workflow').workflow;
    const after = decodePage(request.pageToken, cursor);
    const found = await this.executions.list(call.tenant, { workflow, ...stateFilter(request.state), after, size: size + 1 });
    const page = found.slice(0, size);
    const last = found.length > size ? page.at(-1) : undefined;
    const nextPageToken = last === undefined ? '' : encodePage({ createdAt: last.createdAt.toISOString(), execution: last.execution });
    return { executions: page.map(executionProto), nextPageToken };
  }

  async cancelExecution({ name, reason }: workflows.CancelExecutionRequest) {
    return this.withSteps(await this.executions.cancel(keyOf(name), reason));
  }

  async pauseExecution({ name }: workflows.PauseExecutionRequest) {
    return this.withSteps(await this.executions.pause(keyOf(name)));
  }

  async resumeExecution({ name }: workflows.ResumeExecutionRequest) {
    return this.withSteps(await this.executions.resume(keyOf(name)));
  }

  async retryFromFailure({ name }: workflows.RetryFromFailureRequest) {
    return this.withSteps(await this.executions.retryFromFailure(keyOf(name)));
  }

  async signalExecution({ name, signal, payload }: workflows.SignalExecutionRequest) {
    return this.withSteps(await this.executions.signal(keyOf(name), signal, payload ?? {}));
  }

  async *watchExecution({ name, afterSequence }: workflows.WatchExecutionRequest, call: Call) {
    const entries = this.watch.follow(keyOf(name), { after: Number(afterSequence), signal: call.signal });
    for await (const entry of entries) yield historyProto(entry);
  }

  private async withSteps(execution: Execution) {
    const { order } = await this.workflows.plan(execution);
    return executionWithSteps(
      execution,
      order.map(({ id }) => id),
    );
  }
}
