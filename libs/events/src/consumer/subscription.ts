import type { Tx } from '@q2/database';
import type { ReceivedEvent } from '../event.js';
import type { RecordAdmission } from './record-admission.js';

/** What a service does about events of other services, or about records of producers outside. */
export interface Subscription {
  /** Stable name of the consumer, such as `workflows.start-on-event`: the group on the bus, and its mark in the inbox. */
  readonly consumer: string;
  /** Topics, such as `q2.models.events.v1`. */
  readonly topics: readonly string[];
  /** Full names of the types handled; all when omitted. */
  readonly types?: readonly string[];
  /** Verifies what comes from outside. Without it all records are events of the platform itself. */
  readonly admission?: RecordAdmission;
  /**
   * Acts on one event inside a transaction of the event's tenant. What is written through `tx`, or through transactions that join it, happens exactly
   * once. Anything else may happen more than once: the transaction of a failed event, and of others handled along with it, is repeated.
   * Throw to have the event tried again later; throw UnprocessableEvent where that cannot help.
   */
  handle(tx: Tx, event: ReceivedEvent): Promise<void>;
}
