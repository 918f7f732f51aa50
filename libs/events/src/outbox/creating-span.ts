import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import type { OutgoingEvent } from '../cloud-event.js';
import type { EventBus } from '../event-bus.port.js';

/** W3C trace context, as it travels with an event. */
export interface TraceContext {
  traceparent?: string;
  tracestate?: string;
}

const tracer = trace.getTracer('@q2/events');

/**
 * Stores an event in a span of its own, whose context travels with the event: what handlers do in other services, however much
 * later, continues from there. Events that belong to no trace begin none.
 */
export async function inCreatingSpan(
  system: EventBus['system'],
  { id, topic, type, tenant }: Pick<OutgoingEvent, 'id' | 'topic' | 'type' | 'tenant'>,
  store: (traceContext: TraceContext) => Promise<void>,
): Promise<void> {
  if (trace.getActiveSpan() === undefined) return store({});
  const attributes = {
    'messaging.system.name': system,
    'messaging.operation.name': 'create',
    'messaging.operation.type': 'create',
    'messaging.destination.name': topic,
    'messaging.message.id': id,
    'q2.event.type': type,
    'q2.tenant': tenant,
  };
  const span = tracer.startSpan(`create ${topic}`, { kind: SpanKind.PRODUCER, attributes });
  const creating = trace.setSpan(context.active(), span);
  const carrier: TraceContext = {};
  propagation.inject(creating, carrier);
  try {
    await context.with(creating, () => store(carrier));
  } finally {
    span.end();
  }
}
