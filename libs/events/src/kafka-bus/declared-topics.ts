import { setTimeout as sleep } from 'node:timers/promises';
import { FailedPrecondition } from '@q2/errors';
import type { Admin, ITopicConfig } from 'kafkajs';
import { z } from 'zod';
import type { EventLog } from '../event-log.js';
import { ingressTopics, type TopicDeclaration } from '../topics.js';
import { causesOf, connectionError } from './kafka-errors.js';
import type { KafkaConnectionOptions } from './kafka-options.js';

const usableTries = 100;
const usablePauseMs = 200;

/** Topics that a bus publishes to and reads: those declared, and no others. */
export class DeclaredTopics {
  private readonly names: ReadonlySet<string>;

  constructor(private readonly declarations: readonly TopicDeclaration[]) {
    this.names = new Set(declarations.map(({ name }) => name));
  }

  /** @throws {FailedPrecondition} TOPIC_NOT_DECLARED naming those that are not */
  check(topics: Iterable<string>): void {
    const unknown = [...new Set(topics)].filter((topic) => !this.names.has(topic));
    if (unknown.length === 0) return;
    throw new FailedPrecondition('TOPIC_NOT_DECLARED', `not among the declared topics: ${unknown.join(', ')}`, {
      topics: unknown.join(','),
    });
  }

  /**
   * Creates those that don't exist, and leaves the others as they are. Resolves when all can be used.
   *
   * @throws {FailedPrecondition} TOPICS_NOT_CREATED where the brokers refuse to create them
   */
  async create(
    admin: Admin,
    options: Pick<KafkaConnectionOptions, 'log' | 'brokers'> & { readonly replicationFactor: number },
  ): Promise<void> {
    const existing = new Set(await admin.listTopics());
    const missing = this.declarations.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) {
      const configs = missing.map((topic) => topicConfig(topic, options.replicationFactor));
      await createAll(admin, configs);
      options.log.info({ topics: missing.map(({ name }) => name) }, 'topics created');
    }
    for (let tries = 1; !(await this.areUsable(admin, missing)); tries += 1) {
      if (tries === usableTries) throw connectionError(new Error('the topics created cannot be used yet'), options);
      await sleep(usablePauseMs);
    }
    const { topics } = await admin.fetchTopicMetadata({ topics: [...this.names] });
    warnOfFewPartitions(this.declarations, new Map(topics.map(({ name, partitions }) => [name, partitions.length])), options.log);
  }

  /**
   * Brokers need a moment to take up topics that were just created. And on brokers that never had a consumer, the first to ask
   * for a group's coordinator has the place for positions made, which takes a few seconds.
   */
  private async areUsable(admin: Admin, created: readonly TopicDeclaration[]): Promise<boolean> {
    try {
      await Promise.all(created.map(({ name }) => admin.fetchTopicOffsets(name)));
      await admin.fetchOffsets({ groupId: 'q2', topics: [] });
      return true;
    } catch {
      return false;
    }
  }
}

/** Says which topics have fewer partitions than declared: then fewer consumers share them, and an operator may add some. */
function warnOfFewPartitions(declared: readonly TopicDeclaration[], actual: ReadonlyMap<string, number>, log: EventLog): void {
  for (const { name, partitions } of declared) {
    const existing = actual.get(name) ?? partitions;
    if (existing < partitions) log.warn({ topic: name, existing, declared: partitions }, 'a topic has fewer partitions than declared');
  }
}

/** Records bear the broker's time: a producer's clock is its own affair, and retention must not hang on it. */
function topicConfig({ name, partitions, retentionMs }: TopicDeclaration, replicationFactor: number): ITopicConfig {
  const settings = {
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionMs),
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': String(Math.max(1, replicationFactor - 1)),
    // Producers outside compress as they like; the brokers then store what every consumer can read.
    ...(ingressTopics.includes(name) && { 'compression.type': 'gzip' }),
  };
  const configEntries = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }));
  return { topic: name, numPartitions: partitions, replicationFactor, configEntries };
}

async function createAll(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  try {
    await admin.createTopics({ topics, waitForLeaders: false });
  } catch (error) {
    const refusals = refusalsOf(error).filter(({ type }) => type !== 'TOPIC_ALREADY_EXISTS');
    if (refusals.length === 0) return;
    const [first] = refusals;
    const names = refusals.map(({ topic }) => topic).join(', ');
    throw new FailedPrecondition('TOPICS_NOT_CREATED', `topics could not be created: ${names}: ${first?.message ?? ''}`, { topics: names });
  }
}

/** An error of kafkajs that says of each topic why it was not created. */
const aggregate = z.object({ errors: z.array(z.object({ topic: z.string(), type: z.string(), message: z.string() })) });

/** What the brokers say of each topic; another error, such as a lost connection, is thrown on. */
function refusalsOf(error: unknown) {
  for (const cause of causesOf(error)) {
    const refused = aggregate.safeParse(cause);
    if (refused.success) return refused.data.errors;
  }
  throw error;
}
