import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where tests get their Kafka from. */
export type KafkaSource =
  | { readonly kind: 'script'; readonly script: string }
  | { readonly kind: 'server'; readonly brokers: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Finds Kafka for tests: a broker of their own started by `kafka/kafka.sh` in the folder that `Q2_TOOLS` names, or else the server
 * that `KAFKA_BROKERS` names.
 */
export function findKafka(environment: Readonly<Record<string, string | undefined>>): KafkaSource {
  const { Q2_TOOLS: tools = '', KAFKA_BROKERS: servers = '' } = environment;
  const script = join(tools, 'kafka', 'kafka.sh');
  if (tools !== '' && existsSync(script)) return { kind: 'script', script };
  const brokers = servers
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  if (brokers.length > 0) return { kind: 'server', brokers };
  const reason = 'there is no Kafka: KAFKA_BROKERS (host:port, …) names no server, and Q2_TOOLS no folder with kafka/kafka.sh';
  return { kind: 'none', reason };
}
