import { DomainError } from '@q2/errors';
import type { Admin } from 'kafkajs';
import type { BusConsumer, BusMessage, BusSubscription, EventBus, GroupLag } from '../event-bus.port.js';
import { DeclaredTopics } from './declared-topics.js';
import { measureLags } from './group-lags.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaConsumer } from './kafka-consumer.js';
import { connectionError } from './kafka-errors.js';
import type { KafkaBusOptions } from './kafka-options.js';
import { KafkaPublisher } from './kafka-publisher.js';

/** Where an answer is wanted soon; who asked tries again. */
const briefly = { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 };

/** The event bus on Apache Kafka. */
export class KafkaBus implements EventBus {
  readonly system = 'kafka';
  private readonly consumers = new Set<KafkaConsumer>();
  private readonly topics: DeclaredTopics;
  private readonly publisher: KafkaPublisher;
  private lags: { readonly measuring: Promise<readonly GroupLag[]>; readonly atMs: number } | undefined;

  private constructor(
    private readonly options: KafkaBusOptions,
    private readonly admin: Admin,
  ) {
    this.topics = new DeclaredTopics(options.topics);
    this.publisher = new KafkaPublisher(options, options.publishTimeoutMs ?? 20_000);
  }

  /**
   * Connects, and creates the declared topics that don't exist.
   *
   * @throws {Unavailable} KAFKA_UNREACHABLE where no broker answers; waiting may help
   * @throws {Unauthenticated} KAFKA_AUTHENTICATION_FAILED
   * @throws {FailedPrecondition} KAFKA_TLS_FAILED, TOPICS_NOT_CREATED
   */
  static async connect(options: KafkaBusOptions): Promise<KafkaBus> {
    const admin = kafkaClient(options, briefly).admin();
    const bus = new KafkaBus(options, admin);
    try {
      await admin.connect();
      await bus.topics.create(admin, { ...options, replicationFactor: options.replicationFactor ?? 1 });
      return bus;
    } catch (error) {
      await admin.disconnect();
      throw error instanceof DomainError ? error : connectionError(error, options);
    }
  }

  /**
   * @throws {FailedPrecondition} TOPIC_NOT_DECLARED
   * @throws {Unavailable} KAFKA_UNREACHABLE where the brokers have not confirmed the messages in time
   */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    this.topics.check(messages.map(({ topic }) => topic));
    await this.publisher.publish(messages);
  }

  /**
   * Joins a group, in the background: this returns before the group has shared out its partitions.
   *
   * @throws {FailedPrecondition} TOPIC_NOT_DECLARED
   */
  async subscribe(subscription: BusSubscription): Promise<BusConsumer> {
    this.topics.check(subscription.topics);
    const { log, batchSize = 200, fetchWaitMs = 500 } = this.options;
    const makeConsumer = () => this.makeConsumer(subscription.group);
    const consumer = new KafkaConsumer(subscription, { log, batchSize, fetchWaitMs, makeConsumer });
    this.consumers.add(consumer);
    consumer.start();
    const stop = async () => {
      await consumer.stop();
      this.consumers.delete(consumer);
    };
    return Promise.resolve({ stop });
  }

  async lag(): Promise<readonly GroupLag[]> {
    const { lagEveryMs = 1_000 } = this.options;
    const now = performance.now();
    if (this.lags === undefined || now - this.lags.atMs >= lagEveryMs) this.lags = { measuring: this.measureLags(), atMs: now };
    return this.lags.measuring;
  }

  async close(): Promise<void> {
    await Promise.all([...this.consumers].map((consumer) => consumer.stop()));
    this.consumers.clear();
    await this.publisher.close();
    await this.admin.disconnect();
  }

  private async measureLags(): Promise<readonly GroupLag[]> {
    const groups = new Map<string, Set<string>>();
    for (const { subscription } of this.consumers) {
      groups.set(subscription.group, new Set([...(groups.get(subscription.group) ?? []), ...subscription.topics]));
    }
    try {
      return await measureLags(this.admin, groups);
    } catch (error) {
      throw connectionError(error, this.options);
    }
  }

  private makeConsumer(groupId: string) {
    const { sessionTimeoutMs = 10_000, fetchWaitMs = 500 } = this.options;
    return kafkaClient(this.options, briefly).consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(1_000, sessionTimeoutMs / 6),
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      // It joins again in any case, as a new consumer.
      retry: { ...briefly, restartOnFailure: () => Promise.resolve(false) },
    });
  }
}
