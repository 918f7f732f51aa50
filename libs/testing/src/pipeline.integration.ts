import { randomUUID } from 'node:crypto';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { GrpcEndpoint, ServiceModule, type Call, type ServiceImpl } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from './index.js';

/** Counts what it was asked to do, so that a test sees whether a call had an effect. */
class PlansGrpc implements ServiceImpl<typeof tenants.PlanService> {
  created = 0;
  constructor(private readonly database: Database) {}

  createPlan(request: tenants.CreatePlanRequest, call: Call) {
    return this.database.inTenant(call.tenant, async (tx) => {
      this.created += 1;
      await tx.query('select pg_sleep(0.05)');
      return { name: `plans/${request.planId}`, displayName: call.principal.id };
    });
  }
  getPlan(request: tenants.GetPlanRequest): Promise<never> {
    if (request.name === 'plans/broken') return Promise.reject(new Error('secret internals'));
    return Promise.reject(new FailedPrecondition('PLAN_ODD', 'the plan is odd', { plan: request.name }));
  }
  listPlans() {
    return Promise.resolve({ plans: [] });
  }
  updatePlan() {
    return Promise.resolve({});
  }
  changeTenantPlan(request: tenants.ChangeTenantPlanRequest) {
    return Promise.resolve({ name: request.name });
  }
}

@Module({
  imports: [ServiceModule.register({ name: 'plans', schema: { name: 'plans', entities: [], migrations: [] } })],
  providers: [{ provide: PlansGrpc, inject: [Database], useFactory: (database: Database) => new PlansGrpc(database) }],
})
class PlansModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(PlansGrpc) private readonly plans: PlansGrpc,
  ) {}
  onModuleInit() {
    this.grpc.serve(tenants.PlanService, this.plans);
  }
}

const operator = { tenant: 'platform', roles: ['operator'] };
const plan = { displayName: 'Gold' };

describe('the pipeline', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [PlansModule] });
  });
  afterAll(() => platform.stop());

  it('refuses a call without a token, with a forged one, and with an expired one', async () => {
    await expect(platform.client(tenants.PlanService).listPlans({})).rejects.toMatchObject({
      kind: 'UNAUTHENTICATED',
      reason: 'TOKEN_MISSING',
    });
    await expect(platform.client(tenants.PlanService, 'a.b.c').listPlans({})).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
    const expired = platform.client(tenants.PlanService, { ...operator, expiresInSeconds: -5 });
    await expect(expired.listPlans({})).rejects.toMatchObject({ kind: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' });
  });

  it('refuses who lacks the permission, naming it', async () => {
    const viewer = platform.client(tenants.PlanService, { tenant: 'acme', roles: ['viewer'] });
    await expect(viewer.createPlan({ planId: 'gold', plan })).rejects.toMatchObject({
      kind: 'PERMISSION_DENIED',
      metadata: { permission: 'tenants.plans.create' },
    });
  });

  it('names each field that is out of bounds', async () => {
    const client = platform.client(tenants.PlanService, operator);
    await expect(client.createPlan({ planId: 'Not An Id', plan, requestId: 'nonsense' })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      violations: expect.arrayContaining([expect.objectContaining({ field: 'plan_id' }), expect.objectContaining({ field: 'request_id' })]),
    });
  });

  it('carries out a repeated request once, also when both come at once, and refuses another body under the same id', async () => {
    const client = platform.client(tenants.PlanService, operator);
    const before = platform.get(PlansGrpc).created;
    const requestId = randomUUID();
    const answers = await Promise.all([1, 2, 3].map(() => client.createPlan({ planId: 'gold', plan, requestId })));
    expect(new Set(answers.map((answer) => answer.displayName)).size).toBe(1);
    expect(platform.get(PlansGrpc).created).toBe(before + 1);
    await expect(client.createPlan({ planId: 'silver', plan, requestId })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      violations: [expect.objectContaining({ field: 'request_id' })],
    });
  });

  it('passes domain errors on and hides all others', async () => {
    const client = platform.client(tenants.PlanService, operator);
    await expect(client.getPlan({ name: 'plans/odd' })).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
      reason: 'PLAN_ODD',
      metadata: { plan: 'plans/odd' },
    });
    await expect(client.getPlan({ name: 'plans/broken' })).rejects.toThrow(/^13 INTERNAL: internal error; correlation id [0-9a-f-]{36}$/);
  });

  it('answers probes and metrics', async () => {
    const base = `http://127.0.0.1:${platform.process.httpPort}`;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toMatch(
      /grpc_server_handling_seconds_count\{service="[a-z-]+",grpc_service="q2.tenants.v1.PlanService",grpc_method="GetPlan",grpc_code="INTERNAL"\} 1/,
    );
    expect(metrics).toMatch(/q2_outbox_backlog\{service="[a-z-]+"\} \d+/);
    expect((await fetch(`${base}/nowhere`)).status).toBe(404);
  });
});
