import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { auditEvents, modelEvents, tenantEvents, tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { ResourceExhausted } from '@q2/errors';
import { Outbox, Subscriptions, topicOf, type ReceivedEvent } from '@q2/events';
import { GrpcEndpoint, ServiceModule, type ServiceImpl } from '@q2/service-kit';

/** Stands in for tenant-manager: keeps reservations in memory and tells of tenants. */
@Injectable()
export class FakeTenants implements ServiceImpl<typeof tenants.QuotaService> {
  /** Limits by resource; what is not here is not limited. */
  readonly limits = new Map<string, bigint>();
  readonly held = new Map<string, bigint>();
  /** Everything published about models, usage and audit, in the order it came. */
  readonly events: ReceivedEvent[] = [];

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /** Publishes that a tenant may work. */
  activate(tenant: string): Promise<void> {
    const data = { tenant, ancestors: ['platform'], state: 'ACTIVE' };
    return this.database.inTenant('platform', (tx) =>
      this.outbox.add(tx, { type: tenantEvents.TenantActivatedSchema, key: `tenants/${tenant}`, data }),
    );
  }

  /** What all holders of a tenant have of a resource. */
  used(parent: string, resource: string): bigint {
    return [...this.held].reduce((sum, [key, amount]) => (key.startsWith(`${parent} ${resource} `) ? sum + amount : sum), 0n);
  }

  checkLimit({ parent, resource, amount }: tenants.CheckLimitRequest) {
    const [used, limit] = [this.used(parent, resource), this.limits.get(resource)];
    const allowed = limit === undefined || used + amount <= limit;
    return Promise.resolve({ allowed, used, bindingTenant: parent, ...(limit !== undefined && { limit }) });
  }

  async acquire({ parent, resource, holder, amount }: tenants.AcquireRequest) {
    const { allowed } = await this.checkLimit({ $typeName: 'q2.tenants.v1.CheckLimitRequest', parent, resource, amount });
    if (!allowed) throw new ResourceExhausted('QUOTA_EXCEEDED', `${parent} has no ${resource} left`, { tenant: parent, resource });
    this.held.set(`${parent} ${resource} ${holder}`, amount);
    return { tenant: parent, resource, holder, amount };
  }

  release({ parent, resource, holder }: tenants.ReleaseRequest) {
    const key = `${parent} ${resource} ${holder}`;
    const released = this.held.get(key) ?? 0n;
    this.held.delete(key);
    return Promise.resolve({ released });
  }

  listUsage() {
    return Promise.resolve({});
  }
}

/** Serves {@link FakeTenants} beside the registry, and listens to what the registry announces. */
@Module({
  imports: [ServiceModule.register({ name: 'fake-tenants', schema: { name: 'fake_tenants', entities: [], migrations: [] } })],
  providers: [FakeTenants],
})
export class FakeTenantsModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(FakeTenants) private readonly tenants: FakeTenants,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(tenants.QuotaService, this.tenants);
    const topics = [modelEvents.VersionCreatedSchema, auditEvents.UsageRecordedSchema, auditEvents.AuditRecordedSchema].map(topicOf);
    this.subscriptions.add({
      consumer: 'fake-tenants.events',
      topics,
      handle: async (_, event) => {
        this.tenants.events.push(event);
      },
    });
  }
}
