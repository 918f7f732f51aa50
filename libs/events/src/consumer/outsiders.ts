import type { BusMessage } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { storableMessage, storableText, type Delivery } from './delivery.js';
import type { RecordAdmission, SettledRecord } from './record-admission.js';
import { toDeadLetter, type Refusal } from './refusals.js';

/** @see Outsiders */
export interface OutsidersOptions {
  readonly consumer: string;
  readonly admission: RecordAdmission;
  readonly log: EventLog;
  publish(messages: readonly BusMessage[]): Promise<void>;
}

/**
 * What records from outside end with. A refused one goes to its topic's `.dlq` and nowhere else: no table has a row of it, so
 * that whoever floods a topic fills no more than that topic's own log, and the same event may come again once it is right.
 */
export class Outsiders {
  constructor(private readonly options: OutsidersOptions) {}

  /** Publishes to the `.dlq`, counts, and writes one line for all. Rejects where the bus cannot be reached. */
  async refuse(refusals: readonly Refusal[]): Promise<void> {
    const [first] = refusals;
    if (first === undefined) return;
    const { consumer, admission, log, publish } = this.options;
    const letters = refusals.map(({ message, reason, error }) =>
      toDeadLetter(this.redacted(message), { consumer, reason, error: storableText(error, 1_000), tries: 0 }),
    );
    await publish(letters);
    for (const { message, reason } of refusals) admission.onSettled({ topic: message.topic, outcome: 'refused', reason });
    const details = { consumer, topic: first.message.topic, records: refusals.length, place: first.place, reason: first.reason };
    log.warn(details, 'records from outside were refused');
  }

  /** The message as others may see it. */
  redacted(message: BusMessage): BusMessage {
    return storableMessage(this.options.admission.redact(message));
  }

  /** Counts records that are done with. */
  note(outcome: SettledRecord['outcome'], deliveries: readonly Delivery[], reason = ''): void {
    for (const { message } of deliveries) this.options.admission.onSettled({ topic: message.topic, outcome, reason });
  }
}
