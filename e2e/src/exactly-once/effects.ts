import { monitoringEvents } from '@q2/contracts';
import { enableTenantIsolation, type MigrationClass, type ServiceSchema } from '@q2/database';
import { outboxMigrations, topicOf } from '@q2/events';

type Migration = InstanceType<MigrationClass>;

/** One row for each time that the handler acted on an event. Nothing keeps a second one out. */
class CreateEffects1763100000000 implements Migration {
  async up(runner: Parameters<Migration['up']>[0]): Promise<void> {
    await runner.query(`
      create table effect (
        tenant_id text not null, seq bigint generated always as identity, key text not null, number integer not null, worker text not null,
        primary key (tenant_id, seq)
      )`);
    await enableTenantIsolation(runner, 'effect');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

/** Schema of the service that the proof plays. */
export const effectsSchema: ServiceSchema = {
  name: 'effects',
  entities: [],
  migrations: [...outboxMigrations, CreateEffects1763100000000],
};

/** What happens: `target` is the key, `score` the number of the event within it. */
export const eventType = monitoringEvents.HealthDegradedSchema;
export const topic = topicOf(eventType);
