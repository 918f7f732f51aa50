import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { Database, newId } from '@q2/database';
import { InvalidArgument } from '@q2/errors';
import { Clock, decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { eventTypeProblems } from '../triggers/trigger-check.js';
import { EmittedEvents, toEventProto } from './emitted-events.service.js';

const cursor = z.object({ createdAt: z.iso.datetime(), id: z.uuid() });

/** EventService. */
@Injectable()
export class EventsGrpc implements ServiceImpl<typeof schedules.EventService> {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(EmittedEvents) private readonly events: EmittedEvents,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async emitEvent({ event, eventId, cause }: schedules.EmitEventRequest, call: Call) {
    const { type = '', source = '', subject = '', time, data = {} } = event ?? {};
    const problems = eventTypeProblems('event.type', type);
    if (problems.length > 0) throw new InvalidArgument(problems);
    const emitted = await this.database.inTenant(call.tenant, async (tx) =>
      this.events.emit(tx, {
        id: eventId === '' ? newId() : eventId.toLowerCase(),
        type,
        source: source === '' ? call.principal.id : source,
        subject,
        time: time ? timestampDate(time) : this.clock.now(),
        data,
        hops: cause === '' ? 0 : await this.events.hopsFrom(tx, cause),
      }),
    );
    return toEventProto(emitted);
  }

  async listEvents(request: schedules.ListEventsRequest, call: Call) {
    const limit = pageSizeOf(request);
    const events = await this.events.list(call.tenant, { type: request.type, limit, after: decodePage(request.pageToken, cursor) });
    const last = events.length === limit ? events.at(-1) : undefined;
    return {
      events: events.map(toEventProto),
      nextPageToken: last ? encodePage({ createdAt: last.createdAt.toISOString(), id: last.id }) : '',
    };
  }
}
