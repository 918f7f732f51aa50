import { fromBinary, toJson, type DescMessage, type JsonObject, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { eventRegistry } from '@q2/contracts';
import { UnprocessableEvent } from './unprocessable.js';

/** An event as a handler gets it: the attributes of CloudEvents 1.0 with its data still encoded. */
export interface ReceivedEvent {
  /** Unique within its source; the inbox remembers it. */
  readonly id: string;
  /** Full name of the data's message, such as `q2.models.events.v1.VersionPromoted`. */
  readonly type: string;
  /** Who published it, such as `services/model-registry`. */
  readonly source: string;
  /** Name of the aggregate that the fact is about. Events of one key arrive in the order they were committed. */
  readonly key: string;
  /** Tenant that owns the fact; `platform` where no customer does. */
  readonly tenant: string;
  /** When the fact was recorded, on the publisher's clock. */
  readonly time: Date;
  /** Protobuf encoding of the data. */
  readonly data: Uint8Array;
  /** W3C trace context of the change, where it was traced. */
  readonly traceparent?: string | undefined;
  /** What the event is about within its source, where a producer outside said so. */
  readonly subject?: string | undefined;
  /** Who sent it, such as `tenants/acme/apiKeys/k3f…`, where a producer outside did. */
  readonly principal?: string | undefined;
}

/** Topic that events of a message type are published to: the package that declares it, `q2.<area>.events.v1`. */
export function topicOf(schema: DescMessage): string {
  return schema.file.proto.package;
}

/** Topic that takes what consumers of `topic` gave up on. */
export function deadLetterTopicOf(topic: string): string {
  return `${topic}.dlq`;
}

/**
 * Reads an event's data as the message it carries.
 *
 * @throws {UnprocessableEvent} EVENT_TYPE_MISMATCH where the event is of another type, EVENT_DATA_UNREADABLE where its data is no such message
 */
export function decodeEvent<S extends DescMessage>(schema: S, event: ReceivedEvent): MessageShape<S> {
  if (event.type !== schema.typeName) {
    throw new UnprocessableEvent('EVENT_TYPE_MISMATCH', `event ${event.id} is a ${event.type}, not a ${schema.typeName}`);
  }
  try {
    return fromBinary(schema, event.data);
  } catch (error) {
    throw new UnprocessableEvent('EVENT_DATA_UNREADABLE', `data of event ${event.id} is no ${schema.typeName}: ${String(error)}`);
  }
}

/**
 * Reads an event's data as JSON, whatever its type: the type is looked up among the platform's event contracts.
 *
 * @throws {UnprocessableEvent} EVENT_TYPE_UNKNOWN where no contract declares the type, EVENT_DATA_UNREADABLE as in decodeEvent
 */
export function eventJson(event: ReceivedEvent): JsonObject {
  const schema = eventRegistry.getMessage(event.type);
  const json = schema === undefined ? undefined : toJson(schema, decodeEvent(schema, event), { registry: eventRegistry });
  if (isJsonObject(json)) return json;
  throw new UnprocessableEvent('EVENT_TYPE_UNKNOWN', `event ${event.id} has the unknown type ${event.type}`);
}

function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
