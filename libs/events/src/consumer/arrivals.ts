import { fromBusMessage } from '../cloud-event.js';
import type { BusRecord } from '../event-bus.port.js';
import { UnprocessableEvent } from '../unprocessable.js';
import { describeError, storableMessage, type Delivery } from './delivery.js';
import type { RecordAdmission } from './record-admission.js';
import type { Refusal } from './refusals.js';
import type { Subscription } from './subscription.js';

/** The records of a batch, read. */
export interface Arrivals {
  readonly deliveries: readonly Delivery[];
  readonly refusals: readonly Refusal[];
}

/** Reads records that the platform published itself; what is no event is refused. */
export function readEvents({ consumer }: Subscription, records: readonly BusRecord[]): Arrivals {
  const read = records.map((record) => {
    const message = storableMessage(record);
    try {
      const event = fromBusMessage(record);
      return { consumer, id: event.id, message, event };
    } catch (error) {
      return { message, place: placeOf(record), reason: 'EVENT_ENVELOPE_INVALID', error: describeError(error) };
    }
  });
  return sorted(read);
}

/**
 * Has records from outside verified, side by side, because some wait for an answer of another service.
 *
 * @throws what the admission throws that is no refusal, once all have been looked at
 */
export async function admitRecords(consumer: string, admission: RecordAdmission, records: readonly BusRecord[]): Promise<Arrivals> {
  const results = await Promise.allSettled(records.map((record) => admitRecord(consumer, admission, record)));
  return sorted(
    results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    }),
  );
}

/** An id is unique within its source only, where producers choose both. */
async function admitRecord(consumer: string, admission: RecordAdmission, record: BusRecord): Promise<Delivery | Refusal> {
  try {
    const message = storableMessage(await admission.admit(record));
    const event = fromBusMessage(message);
    return { consumer, id: `${event.source} ${event.id}`, message, event };
  } catch (error) {
    if (!(error instanceof UnprocessableEvent)) throw error;
    return { message: record, place: placeOf(record), reason: error.reason, error: error.message };
  }
}

function placeOf({ topic, partition, offset }: BusRecord): string {
  return `${topic}/${String(partition)}/${offset}`;
}

function sorted(read: readonly (Delivery | Refusal)[]): Arrivals {
  return { deliveries: read.filter((one) => 'event' in one), refusals: read.filter((one) => 'reason' in one) };
}
