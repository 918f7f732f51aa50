import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { Ingress, ingressCall, recordUuid, type Call, type IngressReceipt, type RecordFacts } from '@q2/service-kit';
import { EventsGrpc } from './events.grpc.js';

/** Takes events that producers outside publish, as EmitEvent takes them. */
@Injectable()
export class EventsConsumer implements OnModuleInit {
  constructor(
    @Inject(Ingress) private readonly ingress: Ingress,
    @Inject(EventsGrpc) private readonly events: EventsGrpc,
  ) {}

  onModuleInit(): void {
    const emit = ingressCall(schedules.EventService.method.emitEvent, { complete, handle: (request, call) => this.emit(request, call) });
    this.ingress.serve({ consumer: 'scheduler.ingress', topic: 'q2.ingress.events.v1', calls: [emit] });
  }

  private async emit(request: schedules.EmitEventRequest, call: Call): Promise<IngressReceipt> {
    await this.events.emitEvent(request, call);
    return { counted: 1n, refused: 0n, refusals: [] };
  }
}

/** What the record says of its event holds for the event within, unless that says otherwise. */
function complete(request: schedules.EmitEventRequest, facts: RecordFacts): void {
  request.parent ||= `tenants/${facts.tenant}`;
  request.eventId ||= recordUuid(facts);
  const { event } = request;
  if (event === undefined) return;
  event.source ||= facts.source;
  event.subject ||= facts.subject ?? '';
  event.time ??= timestampFromDate(facts.time);
}
