import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { scheduleEvents, schedules } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { AlreadyExists } from '@q2/errors';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';

/** An event to tell all who listen. */
export interface EventToEmit {
  /** A UUID; the same event emitted again has no second effect. */
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: Date;
  readonly data: JsonObject;
  readonly hops: number;
}

/** An event that was emitted. */
export interface EmittedEvent extends EventToEmit {
  readonly tenant: string;
  readonly createdAt: Date;
}

interface EventRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly occurred_at: Date;
  readonly data: JsonObject;
  readonly hops: number;
  readonly created_at: Date;
}

/** Where a page of events ended. */
export interface EventCursor {
  readonly createdAt: string;
  readonly id: string;
}

/** Events that callers and triggers emit: kept, and published for all who listen. */
@Injectable()
export class EmittedEvents {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Emits an event, or gives the one that was emitted under its id before.
   *
   * @throws {AlreadyExists} EVENT_EXISTS where that one says something else
   */
  async emit(tx: Tx, event: EventToEmit): Promise<EmittedEvent> {
    const inserted = await tx.query<EventRow>(
      `insert into emitted_event (tenant_id, id, type, source, subject, occurred_at, data, hops, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning *`,
      [tx.tenant, event.id, event.type, event.source, event.subject, event.time, event.data, event.hops, this.clock.now()],
    );
    const [row] = inserted;
    if (row === undefined) return this.findSame(tx, event);
    const emitted = toEvent(row);
    await this.publish(tx, emitted);
    return emitted;
  }

  /** Lists a tenant's events, newest first; `after` is where the page before ended. */
  list(tenant: string, query: { type: string; limit: number; after: EventCursor | undefined }): Promise<EmittedEvent[]> {
    const { type, limit, after } = query;
    return this.database.inTenant(
      tenant,
      async (tx) => {
        const rows = await tx.query<EventRow>(
          `select * from emitted_event where tenant_id = $1 and ($2 = '' or type = $2)
             and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
           order by created_at desc, id desc limit $5`,
          [tenant, type, after && new Date(after.createdAt), after?.id, limit],
        );
        return rows.map(toEvent);
      },
      { readOnly: true },
    );
  }

  /** How many firings lead to what an execution does: none where no trigger started it. */
  async hopsFrom(tx: Tx, execution: string): Promise<number> {
    const [row] = await tx.query<{ hops: number }>('select hops from firing where tenant_id = $1 and execution = $2', [
      tx.tenant,
      execution,
    ]);
    return row === undefined ? 0 : row.hops + 1;
  }

  private async findSame(tx: Tx, event: EventToEmit): Promise<EmittedEvent> {
    const [row] = await tx.query<EventRow>(
      'select * from emitted_event where tenant_id = $1 and id = $2 and type = $3 and source = $4 and subject = $5 and data = $6::jsonb',
      [tx.tenant, event.id, event.type, event.source, event.subject, event.data],
    );
    if (row !== undefined) return toEvent(row);
    throw new AlreadyExists('EVENT_EXISTS', `event ${event.id} was emitted with another type, source, subject or data`, {
      event: event.id,
    });
  }

  private async publish(tx: Tx, event: EmittedEvent): Promise<void> {
    const name = schedules.eventName.format({ tenant: event.tenant, event: event.id });
    const { id: eventId, type, source, subject, data, hops } = event;
    await this.outbox.add(tx, {
      type: scheduleEvents.EventEmittedSchema,
      key: subject === '' ? name : `tenants/${event.tenant}/events/${subject}`,
      data: { event: name, eventId, type, source, subject, time: timestampFromDate(event.time), data, hops },
    });
  }
}

function toEvent(row: EventRow): EmittedEvent {
  const { tenant_id: tenant, occurred_at: time, created_at: createdAt, id, type, source, subject, data, hops } = row;
  return { tenant, id, type, source, subject, time, data, hops, createdAt };
}

/** An event as the API shows it. */
export function toEventProto(event: EmittedEvent): MessageInitShape<typeof schedules.EventSchema> {
  const { tenant, id, type, source, subject, data } = event;
  return {
    name: schedules.eventName.format({ tenant, event: id }),
    type,
    source,
    subject,
    data,
    time: timestampFromDate(event.time),
    createTime: timestampFromDate(event.createdAt),
  };
}
