import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { tenantEvents, tenants, workflowEvents, workflows } from '@q2/contracts';
import { Database } from '@q2/database';
import { AlreadyExists, NotFound } from '@q2/errors';
import { Outbox } from '@q2/events';
import { GrpcEndpoint, ServiceModule, type Call, type ServiceImpl } from '@q2/service-kit';

const refused = () => Promise.reject(new NotFound('EXECUTION_NOT_FOUND', 'this orchestrator only starts executions'));

/** Stands in for workflow-orchestrator: starts executions, each of which ends at once. */
export class FakeExecutions implements ServiceImpl<typeof workflows.ExecutionService> {
  readonly started: workflows.StartExecutionRequest[] = [];
  readonly callers = new Set<string>();
  readonly getExecution = refused;
  readonly listExecutions = refused;
  readonly cancelExecution = refused;
  readonly pauseExecution = refused;
  readonly resumeExecution = refused;
  readonly retryFromFailure = refused;
  readonly signalExecution = refused;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /** Tells all services that a tenant may work, as tenant-manager does. */
  activate(tenant: string): Promise<void> {
    const data = { tenant, ancestors: ['platform'], state: 'ACTIVE' };
    return this.database.inTenant(tenant, (tx) =>
      this.outbox.add(tx, { type: tenantEvents.TenantActivatedSchema, key: `tenants/${tenant}`, data }),
    );
  }

  /** The workflow `missing` does not exist; executions of `known` do already. */
  async startExecution(request: workflows.StartExecutionRequest, call: Call) {
    if (request.workflow.endsWith('/missing')) throw new NotFound('WORKFLOW_NOT_FOUND', `${request.workflow} does not exist`);
    if (request.workflow.endsWith('/known')) throw new AlreadyExists('EXECUTION_EXISTS', 'it was started before');
    this.started.push(request);
    this.callers.add(call.principal.id);
    const execution = `${request.parent}/executions/${request.executionId}`;
    const data = { execution, workflow: `${request.workflow}/versions/1` };
    await this.database.inTenant(call.tenant, (tx) =>
      this.outbox.add(tx, { type: workflowEvents.ExecutionCompletedSchema, key: execution, data }),
    );
    return { name: execution };
  }

  async *watchExecution() {
    yield* [];
    await refused();
  }
}

/** Stands in for tenant-manager: keeps who holds a schedule. */
export class FakeQuotas implements ServiceImpl<typeof tenants.QuotaService> {
  readonly holders = new Set<string>();

  acquire({ holder, resource }: tenants.AcquireRequest) {
    this.holders.add(`${resource} ${holder}`);
    return Promise.resolve({ holder });
  }

  release({ holder, resource }: tenants.ReleaseRequest) {
    this.holders.delete(`${resource} ${holder}`);
    return Promise.resolve({});
  }

  checkLimit() {
    return Promise.resolve({ allowed: true });
  }

  listUsage() {
    return Promise.resolve({});
  }
}

/** What the scheduler calls, in one service. */
@Module({
  imports: [ServiceModule.register({ name: 'workflow-orchestrator', schema: { name: 'workflows', entities: [], migrations: [] } })],
  providers: [FakeExecutions, FakeQuotas],
})
export class FakePlatformModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(FakeExecutions) private readonly executions: FakeExecutions,
    @Inject(FakeQuotas) private readonly quotas: FakeQuotas,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(workflows.ExecutionService, this.executions);
    this.grpc.serve(tenants.QuotaService, this.quotas);
  }
}
