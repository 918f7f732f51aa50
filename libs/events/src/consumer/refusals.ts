import type { BusMessage } from '../event-bus.port.js';
import { deadLetterTopicOf } from '../event.js';

/** A record that is not acted on, and why. */
export interface Refusal {
  readonly message: BusMessage;
  /** Where it stands in the log: what it says of itself is not believed. */
  readonly place: string;
  readonly reason: string;
  readonly error: string;
}

/** What a `.dlq` topic says of a message, besides the message itself. */
export interface DeadLetterFacts {
  readonly consumer: string;
  readonly reason: string;
  readonly error: string;
  readonly tries: number;
  /** Of the dead letter that is kept, so that it can be replayed; absent where none is. */
  readonly id?: string;
}

/** The message as the topic's `.dlq` gets it. */
export function toDeadLetter(message: BusMessage, facts: DeadLetterFacts): BusMessage {
  const { consumer, reason, error, tries, id } = facts;
  const headers = {
    ...message.headers,
    ...(id === undefined ? {} : { dlq_id: id }),
    dlq_consumer: consumer,
    dlq_reason: reason,
    dlq_error: error,
    dlq_tries: String(tries),
  };
  return { ...message, topic: deadLetterTopicOf(message.topic), headers };
}
