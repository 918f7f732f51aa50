import { z } from 'zod';
import type { BusMessage } from './event-bus.port.js';
import type { ReceivedEvent } from './event.js';
import { UnprocessableEvent } from './unprocessable.js';

/** An event on its way to the bus: what is received, and where it goes. */
export interface OutgoingEvent extends ReceivedEvent {
  readonly topic: string;
  readonly tracestate?: string | undefined;
  /** @default 'application/protobuf' */
  readonly contentType?: string;
}

/** No control characters: PostgreSQL's text cannot hold NUL, and none belongs in an attribute. */
const attribute = z
  .string()
  .min(1)
  .max(512)
  .regex(/^\P{Cc}*$/u, 'must hold no control character');

const attributes = z.object({
  ce_specversion: z.literal('1.0'),
  ce_id: attribute,
  ce_type: attribute,
  ce_source: attribute,
  ce_tenant: z.string().regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a tenant id'),
  ce_time: z.iso.datetime({ offset: true }),
  ce_subject: attribute.optional(),
  traceparent: attribute.optional(),
  q2_principal: attribute.optional(),
});

/** Writes an event in the binary mode of CloudEvents' Kafka binding: attributes as `ce_` headers, data as the value. */
export function toBusMessage(event: OutgoingEvent): BusMessage {
  const headers = {
    'content-type': event.contentType ?? 'application/protobuf',
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_tenant: event.tenant,
    ce_time: event.time.toISOString(),
    ...(event.subject === undefined ? {} : { ce_subject: event.subject }),
    ...(event.principal === undefined ? {} : { q2_principal: event.principal }),
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
    ...(event.tracestate === undefined ? {} : { tracestate: event.tracestate }),
  };
  return { topic: event.topic, key: event.key, headers, value: event.data };
}

/**
 * Reads an event off the bus.
 *
 * @throws {UnprocessableEvent} EVENT_ENVELOPE_INVALID naming each attribute that is missing or malformed
 */
export function fromBusMessage(message: BusMessage): ReceivedEvent {
  const parsed = attributes.safeParse(message.headers);
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const key = attribute.safeParse(message.key);
  if (!key.success) problems.push(...key.error.issues.map((issue) => `key: ${issue.message}`));
  if (!parsed.success || !key.success) throw new UnprocessableEvent('EVENT_ENVELOPE_INVALID', problems.join('; '));
  const { ce_id: id, ce_type: type, ce_source: source, ce_tenant: tenant, ce_time: time } = parsed.data;
  const { ce_subject: subject, q2_principal: principal, traceparent } = parsed.data;
  return { id, type, source, tenant, key: key.data, time: new Date(time), data: message.value, traceparent, subject, principal };
}
