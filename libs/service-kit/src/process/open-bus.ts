import { eventTopics } from '@q2/contracts';
import { Database } from '@q2/database';
import { busSchema, DatabaseBus, declareTopics, ingressTopics, KafkaBus, type EventBus } from '@q2/events';
import type { ProcessSettings } from './configuration.js';
import { kafkaConnection } from './kafka-settings.js';
import type { Logger } from './logger.js';

/** @see openBus */
export interface OpenBusOptions {
  readonly settings: ProcessSettings;
  readonly databaseUrl: string;
  readonly logger: Logger;
  /** Name of this process among the replicas. */
  readonly member: string;
  /** Name of the process in the brokers' logs. */
  readonly name: string;
}

/** A bus with what it stands on. */
export interface OpenBus {
  readonly bus: EventBus;
  /** Ends consumption, then the connections. */
  close(): Promise<void>;
}

const hourMs = 3_600_000;

/**
 * Opens the bus that the settings name: Kafka where there are brokers, otherwise the database.
 *
 * @throws {ConfigurationError} where the settings of Kafka don't fit together
 * @throws {Unavailable} KAFKA_UNREACHABLE where no broker answers; waiting may help
 * @throws {Unauthenticated} KAFKA_AUTHENTICATION_FAILED
 * @throws {FailedPrecondition} KAFKA_TLS_FAILED, TOPICS_NOT_CREATED
 */
export async function openBus(options: OpenBusOptions): Promise<OpenBus> {
  const { settings, logger } = options;
  const connection = kafkaConnection(settings);
  if (connection === undefined) return openDatabaseBus(options);
  if (connection.sasl !== undefined && connection.tls === undefined) {
    logger.warn({ brokers: connection.brokers }, 'credentials go to Kafka unencrypted: KAFKA_TLS is not set');
  }
  const topics = declareTopics([...eventTopics, ...ingressTopics], {
    partitions: settings.KAFKA_TOPIC_PARTITIONS,
    retentionMs: settings.KAFKA_TOPIC_RETENTION_HOURS * hourMs,
  });
  const bus = await KafkaBus.connect({
    ...connection,
    clientId: `${options.name}-${options.member}`,
    log: logger,
    topics,
    replicationFactor: settings.KAFKA_REPLICATION_FACTOR,
  });
  logger.info({ brokers: connection.brokers }, 'events go through Kafka');
  return { bus, close: () => bus.close() };
}

async function openDatabaseBus({ databaseUrl, logger, member }: OpenBusOptions): Promise<OpenBus> {
  const database = await Database.connect({ url: withoutCommitWait(databaseUrl), schema: busSchema });
  const bus = new DatabaseBus({ database, log: logger, member });
  const close = async () => {
    await bus.close();
    await database.close();
  };
  return { bus, close };
}

/**
 * The bus need not wait for its own commits to reach the disk. It shares the write-ahead log with the outboxes, so the
 * deletion of a row from an outbox never gets there before the bus's copy of it; and a position that a crash takes back
 * means that records come again, which the inbox absorbs.
 */
function withoutCommitWait(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} -c synchronous_commit=off`.trim());
  return url.href;
}
