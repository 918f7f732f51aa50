import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { auditEvents } from '@q2/contracts';
import { decodeEvent, Subscriptions, topicOf, type ReceivedEvent } from '@q2/events';
import type { Tx } from '@q2/database';
import { canonicalJson } from './audit-entry.js';
import { AuditLogService } from './audit-log.service.js';

/** Appends what every service reports to the log of the tenant that it is about. */
@Injectable()
export class AuditConsumer implements OnModuleInit {
  constructor(
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(AuditLogService) private readonly log: AuditLogService,
  ) {}

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'tenants.audit-log',
      topics: [topicOf(auditEvents.AuditRecordedSchema)],
      types: [auditEvents.AuditRecordedSchema.typeName],
      handle: (tx, event) => this.append(tx, event),
    });
  }

  private async append(tx: Tx, event: ReceivedEvent): Promise<void> {
    await this.log.append(tx, event.id, auditContent(event));
  }
}

/** The call as its entry keeps it. Times are written to the millisecond, so that as text they sort as they follow. */
function auditContent(event: ReceivedEvent): string {
  const recorded = decodeEvent(auditEvents.AuditRecordedSchema, event);
  const json = toJson(auditEvents.AuditRecordedSchema, recorded);
  const time = recorded.time ? timestampDate(recorded.time) : event.time;
  return canonicalJson({ ...(typeof json === 'object' ? json : {}), source: event.source, time: time.toISOString() });
}
