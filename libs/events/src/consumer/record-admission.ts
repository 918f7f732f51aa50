import type { BusMessage, BusRecord } from '../event-bus.port.js';

/** What became of a record from outside. */
export interface SettledRecord {
  readonly topic: string;
  /**
   * `accepted`: acted on, now; `duplicate`: acted on before; `refused`: not acted on, and sending it again as it is cannot help;
   * `failed`: given up on after all tries.
   */
  readonly outcome: 'accepted' | 'duplicate' | 'refused' | 'failed';
  /** Why, for programs; empty where nothing went wrong. */
  readonly reason: string;
}

/** Decides about records of producers outside, before anything in them is believed or stored. */
export interface RecordAdmission {
  /**
   * Gives the record as an event of the platform: verified, in the platform's own envelope, and without the credential that
   * it came with. Only what this gives is ever stored. Sources hold no spaces.
   *
   * @throws {UnprocessableEvent} where the record is refused
   * @throws anything else where that cannot be told now: the batch comes again
   */
  admit(record: BusRecord): Promise<BusMessage>;
  /** The message as others may see it, without anything that could be a credential, and small enough to be published again. */
  redact(message: BusMessage): BusMessage;
  /** Told once a record is settled; after a crash it may be told again. */
  onSettled(settled: SettledRecord): void;
}
