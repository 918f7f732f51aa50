import { setTimeout as sleep } from 'node:timers/promises';
import type { BusRecord } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { redelivery, retryDelayMs } from '../retry-policy.js';

/** @see PartitionQueue */
export interface PartitionQueueOptions {
  /** Names the partition in logs. */
  readonly name: string;
  readonly group: string;
  readonly batchSize: number;
  readonly log: EventLog;
  handle(records: readonly BusRecord[]): Promise<void>;
  /** Told of the last record of each batch handled, while the partition is this consumer's. */
  onHandled(last: BusRecord): void;
}

/** Fetched batches of records that a queue holds before it wants no more. */
const batchesWanted = 4;

/**
 * Records of one partition on their way to the handler, batch by batch. It exists beside kafkajs's own flow so that a
 * handler that is slow, or rejects, holds up neither other partitions nor the heartbeats of the group.
 */
export class PartitionQueue {
  private waiting: BusRecord[] = [];
  private running: Promise<void> | undefined;
  private isOwned = true;
  private interruption = new AbortController();
  private tellRoom: () => void = () => undefined;

  constructor(private readonly options: PartitionQueueOptions) {}

  get isFull(): boolean {
    return this.waiting.length >= this.options.batchSize * batchesWanted;
  }

  add(records: readonly BusRecord[]): void {
    this.waiting.push(...records);
    this.running ??= this.run();
  }

  /** Waits until more is wanted, at most `timeoutMs`. Gives whether it is. */
  async room(timeoutMs: number): Promise<boolean> {
    if (!this.isFull) return true;
    const waiting = new AbortController();
    this.onceRoom(() => {
      waiting.abort();
    });
    await sleep(timeoutMs, undefined, { signal: waiting.signal }).catch(() => undefined);
    return !this.isFull;
  }

  /** Calls back once, when more is wanted. */
  onceRoom(tell: () => void): void {
    this.tellRoom = tell;
    if (!this.isFull) this.sayRoom();
  }

  /**
   * Begins anew after the group has shared out its partitions: what waits is forgotten, because it comes again to whoever
   * owns the partition now. The batch in hand goes on, and is not repeated here.
   */
  restart(isOwned: boolean): void {
    this.isOwned = isOwned;
    this.waiting = [];
    this.interruption.abort();
    this.interruption = new AbortController();
    this.sayRoom();
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const records = this.waiting.splice(0, this.options.batchSize);
      if (!this.isFull) this.sayRoom();
      await this.handle(records, this.interruption.signal);
    }
    this.running = undefined;
  }

  private async handle(records: readonly BusRecord[], interrupted: AbortSignal): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        await this.options.handle(records);
        this.confirm(records);
        return;
      } catch (error) {
        if (interrupted.aborted) return;
        const { log, group, name } = this.options;
        log.warn({ err: error, group, partition: name }, 'a batch was rejected and will come again');
        await sleep(retryDelayMs(redelivery, failures, Math.random()), undefined, { signal: interrupted }).catch(() => undefined);
      }
      if (interrupted.aborted) return;
    }
  }

  private sayRoom(): void {
    const tell = this.tellRoom;
    this.tellRoom = () => undefined;
    tell();
  }

  private confirm(records: readonly BusRecord[]): void {
    const last = records.at(-1);
    if (last !== undefined && this.isOwned) this.options.onHandled(last);
  }
}
