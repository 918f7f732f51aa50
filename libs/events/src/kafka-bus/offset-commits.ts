import type { TopicPartitionOffsetAndMetadata } from 'kafkajs';
import type { EventLog } from '../event-log.js';

/** Place up to which a group is done with a partition. */
type Position = Pick<TopicPartitionOffsetAndMetadata, 'topic' | 'partition' | 'offset'>;

/** @see OffsetCommits */
export interface OffsetCommitsOptions {
  readonly group: string;
  readonly log: EventLog;
  commit(positions: Position[]): Promise<void>;
}

/** Positions are stored this long after the first is known, those of all partitions together. */
const commitAfterMs = 50;
const retryAfterMs = 1_000;
const lastTries = 3;

/** Stores how far a group has come, after the handling and many partitions at once. What a crash keeps from being stored comes again. */
export class OffsetCommits {
  private readonly due = new Map<string, Position>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<boolean> | undefined;

  constructor(private readonly options: OffsetCommitsOptions) {}

  /** Notes that a record, and all before it in its partition, are done. */
  note(record: { topic: string; partition: number; offset: string }): void {
    const { topic, partition, offset } = record;
    this.due.set(`${topic}/${partition}`, { topic, partition, offset: String(BigInt(offset) + 1n) });
    this.schedule(commitAfterMs);
  }

  /** Forgets a partition, `topic/number`, that is another consumer's now. */
  forget(partition: string): void {
    this.due.delete(partition);
  }

  /** Stores what is noted, and ends. */
  async finish(): Promise<void> {
    await this.running;
    for (let tries = 1; tries <= lastTries && !(await this.commit()); tries += 1);
    clearTimeout(this.timer);
  }

  private schedule(afterMs: number): void {
    this.timer ??= setTimeout(() => {
      this.running = this.commit();
    }, afterMs);
  }

  /** Gives whether nothing is left to do. Never rejects: a group that is being shared out anew takes no positions for a moment. */
  private async commit(): Promise<boolean> {
    const positions = [...this.due];
    try {
      if (positions.length > 0) await this.options.commit(positions.map(([, position]) => position));
      for (const [id, position] of positions) if (this.due.get(id) === position) this.due.delete(id);
    } catch (error) {
      this.options.log.info({ err: error, group: this.options.group }, 'positions could not be stored yet');
    }
    this.timer = undefined;
    if (this.due.size > 0) this.schedule(retryAfterMs);
    return this.due.size === 0;
  }
}
