import { auditEvents, monitoringEvents } from '@q2/contracts';
import { Database, type ServiceSchema } from '@q2/database';
import { declareTopics, KafkaBus, outboxMigrations, topicOf, type EventLog } from '@q2/events';

/** Event whose way is timed: `alert` carries the instant at which it was stored. */
export const timedEvent = monitoringEvents.HealthDegradedSchema;
/** Event that comes in masses. */
export const massEvent = auditEvents.UsageRecordedSchema;

export const timedTopic = topicOf(timedEvent);
export const massTopic = topicOf(massEvent);

export const tenantCount = 20;

/** Only what fails for good: a broker that has just begun refuses a call or two. */
export const benchLog: EventLog = {
  info: () => undefined,
  warn: () => undefined,
  error: (details, message) => console.error(message, details),
};

/** Where the servers of a benchmark are. */
export interface BenchServers {
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
}

/** A service's database and bus, as its process has them. */
export async function connectService({ databaseUrl, brokers }: BenchServers, name: string): Promise<{ database: Database; bus: KafkaBus }> {
  const schema: ServiceSchema = { name, entities: [], migrations: outboxMigrations };
  const database = await Database.connect({ url: databaseUrl, schema, poolSize: 24 });
  const bus = await KafkaBus.connect({ brokers, clientId: name, log: benchLog, topics: declareTopics([timedTopic, massTopic]) });
  return { database, bus };
}

/** Milliseconds since 1970 with fractions: comparable between processes of one machine. */
export function instantMs(): number {
  return performance.timeOrigin + performance.now();
}
