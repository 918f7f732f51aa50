// A service that does nothing but remember what ab-testing announced.
import type { JsonObject } from '@bufbuild/protobuf';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { experimentEvents, tenantEvents } from '@q2/contracts';
import { Database } from '@q2/database';
import { eventJson, Outbox, Subscriptions, topicOf } from '@q2/events';
import { ServiceModule } from '@q2/service-kit';

/** An event as it arrived. */
export interface Recorded {
  readonly key: string;
  readonly tenant: string;
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
    const key = `tenants/${tenant}`;
    return this.database.inTenant(tenant, async (tx) => {
      await this.outbox.add(tx, { type: tenantEvents.TenantCreatedSchema, data: { tenant }, key });
      await this.outbox.add(tx, { type: tenantEvents.TenantActivatedSchema, data: { tenant }, key });
    });
  }

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'recorder.experiments',
      topics: [topicOf(experimentEvents.ExperimentStartedSchema)],
      handle: (_, event) => {
        this.events.push({ key: event.key, tenant: event.tenant, fact: event.type.split('.').at(-1) ?? '', data: eventJson(event) });
        return Promise.resolve();
      },
    });
  }
}

@Module({
  imports: [ServiceModule.register({ name: 'recorder', schema: { name: 'recorder', entities: [], migrations: [] } })],
  providers: [EventRecorder],
})
export class RecorderModule {}
