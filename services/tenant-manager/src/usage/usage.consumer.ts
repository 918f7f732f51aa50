import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { auditEvents } from '@q2/contracts';
import { decodeEvent, Subscriptions, topicOf, UnprocessableEvent, type ReceivedEvent } from '@q2/events';
import type { Tx } from '@q2/database';

/** Adds what services report as used to the hour that it was used in, however late the report comes. */
@Injectable()
export class UsageConsumer implements OnModuleInit {
  constructor(@Inject(Subscriptions) private readonly subscriptions: Subscriptions) {}

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'tenants.usage',
      topics: [topicOf(auditEvents.UsageRecordedSchema)],
      types: [auditEvents.UsageRecordedSchema.typeName],
      handle: (tx, event) => this.meter(tx, event),
    });
  }

  private async meter(tx: Tx, event: ReceivedEvent): Promise<void> {
    const { resource, quantity, time } = decodeEvent(auditEvents.UsageRecordedSchema, event);
    if (quantity < 0n)
      throw new UnprocessableEvent('USAGE_NEGATIVE', `event ${event.id} reports ${quantity} ${resource}; use is never negative`);
    await tx.execute(
      `insert into usage_hours (tenant_id, hour, resource, quantity) values ($1, date_trunc('hour', $2::timestamptz, 'UTC'), $3, $4)
       on conflict (tenant_id, hour, resource) do update set quantity = usage_hours.quantity + excluded.quantity`,
      [tx.tenant, time ? timestampDate(time) : event.time, resource, quantity],
    );
  }
}
