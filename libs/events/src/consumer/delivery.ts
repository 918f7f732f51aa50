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
  if (isStorable(text, maxLength)) return text;
  return text.slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();
}

/** A message that can be stored whatever a producer outside put into its key and headers. */
export function storableMessage(message: BusMessage): BusMessage {
  const { topic, key, headers, value } = message;
  return { topic, key: storableText(key, 1_024), headers: storableHeaders(headers), value };
}

/** Nearly all are storable as they are, and this is done for every event: to look is cheaper than to copy. */
function storableHeaders(headers: BusMessage['headers']): BusMessage['headers'] {
  const entries = Object.entries(headers);
  if (entries.every(([name, text]) => isStorable(name, longestName) && isStorable(text, longestHeader))) return headers;
  return Object.fromEntries(entries.map(([name, text]) => [storableText(name, longestName), storableText(text, longestHeader)]));
}

const longestName = 256;
const longestHeader = 4_096;

function isStorable(text: string, maxLength: number): boolean {
  return text.length <= maxLength && !text.includes('\0') && text.isWellFormed();
}

/** What an error says, as stored with a failed event. */
export function describeError(error: unknown): string {
  return storableText(error instanceof Error ? `${error.name}: ${error.message}` : String(error), 1_000);
}
