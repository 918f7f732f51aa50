import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { EventBus } from '../event-bus.port.js';
import { describeError, type Delivery } from './delivery.js';

const tracer = trace.getTracer('@q2/events');

/** Runs a handler in a span that continues the trace of the change that the event announces. */
export function inHandlingSpan(system: EventBus['system'], delivery: Delivery, work: () => Promise<void>): Promise<void> {
  const { consumer, event, message } = delivery;
  const parent = propagation.extract(ROOT_CONTEXT, message.headers);
  const attributes = {
    'messaging.system.name': system,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': message.topic,
    'messaging.consumer.group.name': consumer,
    'messaging.message.id': event.id,
    'q2.event.type': event.type,
    'q2.tenant': event.tenant,
  };
  const span = tracer.startSpan(`process ${message.topic}`, { kind: SpanKind.CONSUMER, attributes }, parent);
  return context.with(trace.setSpan(parent, span), async () => {
    try {
      await work();
    } catch (error) {
      span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
      span.setStatus({ code: SpanStatusCode.ERROR, message: describeError(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
