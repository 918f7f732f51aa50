import { deadLetterTopicOf } from './event.js';

/** A topic as it is created: what the platform publishes to or reads is on a list, nothing comes into being by accident. */
export interface TopicDeclaration {
  readonly name: string;
  /** As many consumers of a group can share the topic. */
  readonly partitions: number;
  /** Records are kept this long, read or not. */
  readonly retentionMs: number;
}

/** What an installation may decide about its topics. */
export interface TopicOptions {
  /** Of each topic but the dead letters'. @default 8 */
  readonly partitions?: number;
  /** Of each topic but the dead letters'. @default 604800000, seven days */
  readonly retentionMs?: number;
}

const dayMs = 86_400_000;
const deadLetterRetentionMs = 30 * dayMs;

/** Topics that producers outside publish to. */
export const ingressTopics: readonly string[] = ['q2.ingress.metrics.v1', 'q2.ingress.outcomes.v1', 'q2.ingress.events.v1'];

/**
 * Declares topics, each with the one that takes what its consumers gave up on. Dead letters come rarely and their order
 * means nothing, so theirs has one partition, and is kept for thirty days.
 */
export function declareTopics(names: readonly string[], options: TopicOptions = {}): TopicDeclaration[] {
  const { partitions = 8, retentionMs = 7 * dayMs } = options;
  return names.flatMap((name) => [
    { name, partitions, retentionMs },
    { name: deadLetterTopicOf(name), partitions: 1, retentionMs: Math.max(retentionMs, deadLetterRetentionMs) },
  ]);
}
