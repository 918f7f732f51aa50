import { fromBusMessage } from '../cloud-event.js';
import type { BusMessage } from '../event-bus.port.js';
import type { ReceivedEvent } from '../event.js';

/** An event in the hands of one consumer, with the message it came in: what is stored where it fails is the message. */
export interface Delivery {
  readonly consumer: string;
  /** What the inbox knows the event by: the same whenever the same event comes again. */
  readonly id: string;
  readonly event: ReceivedEvent;
  readonly message: BusMessage;
}

/** Columns that the tables of parked events and dead letters share. */
export interface DeliveryRow {
  readonly tenant_id: string;
  readonly consumer: string;
  readonly event_id: string;
  readonly topic: string;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly data: Uint8Array;
}

/**
 * Reads a delivery back from where it was stored.
 *
 * @throws {UnprocessableEvent} EVENT_ENVELOPE_INVALID where it was stored because it could not be read
 */
export function deliveryOf(row: DeliveryRow): Delivery {
  const message = { topic: row.topic, key: row.key, headers: row.headers, value: row.data };
  return { consumer: row.consumer, id: row.event_id, event: fromBusMessage(message), message };
}

/** Text as PostgreSQL can keep it, in `text` and `jsonb`: no NUL, no half of a surrogate pair, not endless. */
export function storableText(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();
}

/** A message that can be stored whatever a producer outside put into its key and headers. */
export function storableMessage(message: BusMessage): BusMessage {
  const { topic, key, headers, value } = message;
  const stored = Object.entries(headers).map(([name, text]) => [storableText(name, 256), storableText(text, 4_096)]);
  return { topic, key: storableText(key, 1_024), headers: Object.fromEntries(stored), value };
}

/** What an error says, as stored with a failed event. */
export function describeError(error: unknown): string {
  return storableText(error instanceof Error ? `${error.name}: ${error.message}` : String(error), 1_000);
}
