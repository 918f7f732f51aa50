// What the orchestrator has around it in tests.
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { monitoring, tenantEvents, tenants, workflowEvents } from '@q2/contracts';
import { Database } from '@q2/database';
import { type DomainError, NotFound, ResourceExhausted } from '@q2/errors';
import { eventJson, Outbox, Subscriptions, topicOf } from '@q2/events';
import { type Call, GrpcEndpoint, ServiceModule, type ServiceImpl } from '@q2/service-kit';

/** An event as it arrived. */
export interface Recorded {
  readonly key: string;
  /** Last part of the type's name. */
  readonly fact: string;
  readonly data: JsonObject;
}

/** Remembers events in the order they arrived, and announces tenants as tenant-manager does. */
@Injectable()
export class EventRecorder implements OnModuleInit {
  readonly events: Recorded[] = [];

  constructor(
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /** Has every service know an active tenant. */
  announceTenant(tenant: string): Promise<void> {
    const data = { tenant, ancestors: ['platform'] };
    return this.database.inTenant(tenant, (tx) =>
      this.outbox.add(tx, { type: tenantEvents.TenantActivatedSchema, data, key: `tenants/${tenant}` }),
    );
  }

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'neighbours.recorder',
      topics: [topicOf(workflowEvents.ExecutionStartedSchema)],
      handle: (_, event) => {
        this.events.push({ key: event.key, fact: event.type.split('.').at(-1) ?? '', data: eventJson(event) });
        return Promise.resolve();
      },
    });
  }
}

/** Monitoring's alerts: remembers what was acknowledged, and fails when told to. */
@Injectable()
export class FakeAlerts implements ServiceImpl<typeof monitoring.AlertService> {
  readonly acknowledged: { name: string; comment: string; requestId: string; by: string }[] = [];
  /** Errors for the next calls, the first first. */
  readonly failures: DomainError[] = [];
  /** Holds calls back until it resolves. */
  gate: Promise<void> = Promise.resolve();

  async acknowledgeAlert({ name, comment, requestId }: monitoring.AcknowledgeAlertRequest, call: Call) {
    this.acknowledged.push({ name, comment, requestId, by: call.principal.id });
    await this.gate;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    return { name };
  }

  resolveAlert({ name }: monitoring.ResolveAlertRequest): Promise<MessageInitShape<typeof monitoring.AlertSchema>> {
    return Promise.reject(new NotFound('ALERT_NOT_FOUND', `${name} does not exist`));
  }

  getAlert({ name }: monitoring.GetAlertRequest) {
    return Promise.resolve({ name });
  }

  listAlerts() {
    return Promise.resolve({});
  }

  async *watchAlerts(): AsyncGenerator<MessageInitShape<typeof monitoring.WatchAlertsResponseSchema>> {
    yield await Promise.resolve({});
  }
}

/** Keeps reservations in memory, with a limit that tests set. */
@Injectable()
export class FakeQuotas implements ServiceImpl<typeof tenants.QuotaService> {
  limit = Number.POSITIVE_INFINITY;
  readonly holders = new Set<string>();

  checkLimit() {
    return Promise.resolve({ allowed: this.holders.size < this.limit });
  }

  acquire({ parent, resource, holder }: tenants.AcquireRequest) {
    if (!this.holders.has(holder) && this.holders.size >= this.limit) {
      return Promise.reject(new ResourceExhausted('QUOTA_EXCEEDED', `${parent} has no ${resource} left`));
    }
    this.holders.add(holder);
    return Promise.resolve({ tenant: parent, resource, holder, amount: 1n });
  }

  release({ holder }: tenants.ReleaseRequest) {
    return Promise.resolve({ released: this.holders.delete(holder) ? 1n : 0n });
  }

  listUsage() {
    return Promise.resolve({});
  }
}

/** The services that the orchestrator meets: monitoring, tenant-manager, and a listener to its events. */
@Module({
  imports: [ServiceModule.register({ name: 'neighbours', schema: { name: 'neighbours', entities: [], migrations: [] } })],
  providers: [EventRecorder, FakeAlerts, FakeQuotas],
})
export class NeighboursModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(FakeAlerts) private readonly alerts: FakeAlerts,
    @Inject(FakeQuotas) private readonly quotas: FakeQuotas,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(monitoring.AlertService, this.alerts);
    this.grpc.serve(tenants.QuotaService, this.quotas);
  }
}
