import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { auditEvents, tenants } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { Outbox, Subscriptions } from '@q2/events';
import { GrpcEndpoint, ServiceModule } from '@q2/service-kit';
import { z } from 'zod';
import { startTestPlatform, type TestPlatform } from './index.js';

const span = z.object({
  traceId: z.string(),
  name: z.string(),
  kind: z.number(),
  attributes: z.array(z.object({ key: z.string(), value: z.looseObject({}) })),
  status: z.object({ code: z.number().optional(), message: z.string().optional() }),
});
type Span = z.infer<typeof span>;
const exported = z.object({ resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(span) })) })) });

const statusError = 2;
let failures = 1;
let handled = 0;

/** Announces a use when a plan is created, and hears of it itself, the first time in vain. */
@Module({ imports: [ServiceModule.register({ name: 'plans', schema: { name: 'traced_plans', entities: [], migrations: [] } })] })
class TracedPlansModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
  ) {}

  onModuleInit() {
    this.subscriptions.add({ consumer: 'plans.test', topics: ['q2.usage.events.v1'], handle: (tx) => this.handle(tx) });
    this.grpc.serve(tenants.PlanService, {
      createPlan: async ({ planId }, call) => {
        await this.database.inTenant(call.tenant, (tx) =>
          this.outbox.add(tx, { type: auditEvents.UsageRecordedSchema, data: { quantity: 1n }, key: planId }),
        );
        return { name: `plans/${planId}` };
      },
      getPlan: async ({ name }, call) => {
        if (name === 'plans/odd') throw new FailedPrecondition('PLAN_ODD', 'the plan is odd');
        await this.database.inTenant(call.tenant, () => Promise.reject(new Error('secret internals')));
        return { name };
      },
      listPlans: () => Promise.resolve({ plans: [] }),
      updatePlan: () => Promise.resolve({}),
      changeTenantPlan: () => Promise.resolve({}),
    });
  }

  private async handle(tx: Tx): Promise<void> {
    await tx.query('select 1');
    if (failures > 0) {
      failures -= 1;
      throw new TypeError('not yet');
    }
    handled += 1;
  }
}

describe('the traces of a process', () => {
  const spans: Span[] = [];
  const traceId = 'a3ce929d0e0e4736a3ce929d0e0e4736';
  let collector: Server;
  let platform: TestPlatform;
  let folder = '';
  let log = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'q2-tracing-'));
    collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { resourceSpans } = exported.parse(JSON.parse(Buffer.concat(chunks).toString()));
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const address = collector.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER_ARG: '0',
      LOG_LEVEL: 'info',
      LOG_FILE: join(folder, 'q2.log'),
    };
    platform = await startTestPlatform({ modules: [TracedPlansModule], environment });
    await exercise();
    await platform.stop();
    log = await readFile(environment.LOG_FILE, 'utf8');
  }, 120_000);
  afterAll(async () => {
    collector.closeAllConnections();
    await new Promise((resolve) => collector.close(resolve));
    await rm(folder, { recursive: true });
  });

  async function exercise(): Promise<void> {
    const plans = platform.client(tenants.PlanService, { tenant: 'platform', roles: ['operator'] });
    const caller = { traceId, spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED, isRemote: true };
    await context.with(trace.setSpanContext(context.active(), caller), async () => {
      await plans.createPlan({ planId: 'gold', plan: { displayName: 'Gold' } });
      await plans.getPlan({ name: 'plans/odd' }).catch(() => undefined);
      await plans.getPlan({ name: 'plans/broken' }).catch(() => undefined);
    });
    await plans.listPlans({});
    const giveUpAt = Date.now() + 60_000;
    while (handled === 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  const attributesOf = ({ attributes }: Span) => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
  const named = (name: string) => spans.filter((each) => each.name === name);

  it('mark a failure of the server, and tell nothing of its inside', () => {
    const broken = named('q2.tenants.v1.PlanService/GetPlan').find((each) => attributesOf(each)['rpc.status_code'] === 'INTERNAL');
    expect(broken?.status.code).toBe(statusError);
    expect(broken && attributesOf(broken)['error.type']).toBe('INTERNAL');
    expect(JSON.stringify(spans)).not.toContain('secret internals');
  });

  it('do not mark what a caller brought on itself', () => {
    const odd = named('q2.tenants.v1.PlanService/GetPlan').find((each) => attributesOf(each)['rpc.status_code'] === 'FAILED_PRECONDITION');
    expect(odd?.status.code).not.toBe(statusError);
  });

  it('show a transaction that failed', () => {
    const failed = named('transaction traced_plans').filter(({ status }) => status.code === statusError);
    expect(failed.map(attributesOf)).toMatchObject([{ 'error.type': 'Error', 'db.system.name': 'postgresql' }]);
  });

  it('show each try of a handler, and why one failed', () => {
    const tries = named('process q2.usage.events.v1');
    expect(tries.map(({ status }) => status.code === statusError).sort()).toEqual([false, true]);
    const failed = tries.find(({ status }) => status.code === statusError);
    expect(failed && attributesOf(failed)['error.type']).toBe('TypeError');
    expect(failed?.status.message).toContain('not yet');
  });

  it('are named by lines of the log, those of handlers too, and begin nowhere else', () => {
    const lines = log.split('\n').filter((line) => line.includes(traceId));
    expect(lines.some((line) => line.includes('PlanService/CreatePlan'))).toBe(true);
    expect(new Set(spans.map((each) => each.traceId))).toEqual(new Set([traceId]));
    expect(named('q2.tenants.v1.PlanService/ListPlans')).toEqual([]);
  });
});
