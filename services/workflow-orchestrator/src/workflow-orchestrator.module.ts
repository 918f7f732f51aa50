import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { workflows } from '@q2/contracts';
import { GrpcEndpoint, ProcessContext, ServiceModule } from '@q2/service-kit';
import { ActionDriver } from './driver/action-driver.service.js';
import { EventListener } from './driver/event-listener.consumer.js';
import { ExecutionDriver } from './driver/execution-driver.service.js';
import { ExecutionMetrics } from './executions/execution-metrics.service.js';
import { ExecutionsGrpc } from './executions/executions.grpc.js';
import { ExecutionsService } from './executions/executions.service.js';
import { HistoryWatch } from './executions/history-watch.service.js';
import { TurnsService } from './executions/turns.service.js';
import { JobCluster } from './jobs/job-cluster.service.js';
import { JobDriver } from './jobs/job-driver.service.js';
import { ExecutionQuota } from './quota/execution-quota.adapter.js';
import { OrchestratorSettings, readOrchestratorSettings } from './settings.js';
import { TaskResults } from './tasks/task-results.service.js';
import { WorkersGrpc } from './workers/workers.grpc.js';
import { workflowsSchema } from './workflows-schema.js';
import { WorkflowsGrpc } from './workflows/workflows.grpc.js';
import { WorkflowsService } from './workflows/workflows.service.js';

/** Workflows in versions, their executions, the actions that they do, and the workers that they give tasks to. */
@Module({
  imports: [ServiceModule.register({ name: 'workflow-orchestrator', schema: workflowsSchema })],
  providers: [
    { provide: OrchestratorSettings, inject: [ProcessContext], useFactory: readOrchestratorSettings },
    ...[WorkflowsService, TurnsService, ExecutionsService, ExecutionQuota, ExecutionMetrics, HistoryWatch, TaskResults],
    ...[ExecutionDriver, ActionDriver, EventListener, JobCluster, JobDriver],
    ...[WorkflowsGrpc, ExecutionsGrpc, WorkersGrpc],
  ],
})
export class WorkflowOrchestratorModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(WorkflowsGrpc) private readonly workflows: WorkflowsGrpc,
    @Inject(ExecutionsGrpc) private readonly executions: ExecutionsGrpc,
    @Inject(WorkersGrpc) private readonly workers: WorkersGrpc,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(workflows.WorkflowService, this.workflows);
    this.grpc.serve(workflows.ExecutionService, this.executions);
    this.grpc.serve(workflows.WorkerService, this.workers);
  }
}
