import type { Consumer, EachBatchPayload } from 'kafkajs';
import { BackgroundLoop } from '../background-loop.js';
import type { BusConsumer, BusSubscription } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import { fromKafkaMessage } from './kafka-records.js';
import { OffsetCommits } from './offset-commits.js';
import { PartitionQueue } from './partition-queue.js';

/** @see KafkaConsumer */
export interface KafkaConsumerOptions {
  readonly log: EventLog;
  readonly batchSize: number;
  readonly fetchWaitMs: number;
  /** A consumer of kafkajs that has not connected yet. */
  makeConsumer(): Consumer;
}

/** After a membership that broke. One that never came about is tried again with growing waits. */
const rejoinAfterMs = 500;
/** All partitions of a fetch are queued at once. */
const concurrency = 256;

/** One consumer of a group, for as long as it is wanted: whatever becomes of brokers and connections, it joins again. */
export class KafkaConsumer implements BusConsumer {
  private readonly queues = new Map<string, PartitionQueue>();
  private readonly commits: OffsetCommits;
  private readonly membership: BackgroundLoop;
  private member: Consumer | undefined;
  private endMembership: () => void = () => undefined;
  private isStopping = false;
  private stopped: Promise<void> | undefined;

  constructor(
    readonly subscription: BusSubscription,
    private readonly options: KafkaConsumerOptions,
  ) {
    const { group } = subscription;
    const { log } = options;
    this.commits = new OffsetCommits({ group, log, commit: (positions) => this.joined().commitOffsets(positions) });
    this.membership = new BackgroundLoop({ name: `consumer ${group}`, log, step: () => this.beMember() });
  }

  start(): void {
    this.membership.start();
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  private async end(): Promise<void> {
    this.isStopping = true;
    for (const queue of this.queues.values()) queue.restart(true);
    await Promise.all([...this.queues.values()].map((queue) => queue.idle()));
    await this.commits.finish();
    this.endMembership();
    await this.membership.stop();
  }

  /** Takes part in the group until that fails or nobody wants it any more. */
  private async beMember(): Promise<number> {
    const consumer = this.options.makeConsumer();
    const ended = new Promise<Error | undefined>((resolve) => {
      this.endMembership = () => {
        resolve(undefined);
      };
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        resolve(payload.error);
      });
    });
    let hasJoined = false;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      hasJoined = true;
      this.onJoined(consumer, payload.memberAssignment);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...this.subscription.topics], fromBeginning: true });
      this.member = consumer;
      const eachBatch = (payload: EachBatchPayload) => this.take(consumer, payload);
      await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: concurrency, eachBatch });
      const error = this.isStopping ? undefined : await ended;
      if (error !== undefined) this.onCrashed(error, hasJoined);
      return rejoinAfterMs;
    } finally {
      this.member = undefined;
      await consumer.disconnect();
    }
  }

  private onCrashed(error: Error, hasJoined: boolean): void {
    for (const queue of this.queues.values()) queue.restart(false);
    if (!hasJoined) throw error;
    this.options.log.warn({ err: error, group: this.subscription.group }, 'a consumer lost its group and will join again');
  }

  private onJoined(consumer: Consumer, assignment: Readonly<Record<string, number[]>>): void {
    const mine = new Set(Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((n) => `${topic}/${n}`)));
    for (const [id, queue] of this.queues) {
      queue.restart(mine.has(id));
      if (!mine.has(id)) this.commits.forget(id);
    }
    consumer.resume(Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions })));
  }

  /** Queues what was fetched. A full queue may hold up the next fetch a little; where that won't do, only its own partition waits. */
  private async take(consumer: Consumer, { batch, pause }: EachBatchPayload): Promise<void> {
    if (this.isStopping) return;
    const { topic, partition } = batch;
    const queue = this.queueOf(topic, partition);
    queue.add(batch.messages.map((message) => fromKafkaMessage(topic, partition, message)));
    if (await queue.room(this.options.fetchWaitMs)) return;
    const resume = pause();
    queue.onceRoom(() => {
      if (this.member === consumer) resume();
    });
  }

  private queueOf(topic: string, partition: number): PartitionQueue {
    const name = `${topic}/${partition}`;
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const { batchSize, log } = this.options;
    const { group } = this.subscription;
    const queue = new PartitionQueue({
      ...{ name, group, batchSize, log },
      handle: (records) => this.subscription.handle(records),
      onHandled: (last) => {
        this.commits.note(last);
      },
    });
    this.queues.set(name, queue);
    return queue;
  }

  private joined(): Consumer {
    if (this.member === undefined) throw new Error(`the consumer is not in group ${this.subscription.group} now`);
    return this.member;
  }
}
