import type { MigrationClass, ServiceSchema } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createLeaseTables } from '../lease/leases.migration.js';

/**
 * The log: append-only, partitioned by topic and key. It is the platform's own, like Kafka's: rows of all tenants, reached by the role of
 * this schema alone, so row-level security has nothing to decide here. Consumers open the tenant's transaction.
 */
class CreateBus1763000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table topic_partition (
        topic text not null, partition smallint not null, next_offset bigint not null default 0,
        primary key (topic, partition)
      ) with (fillfactor = 50)`);
    await runner.query(`
      create table log_record (
        topic text not null, partition smallint not null, "offset" bigint not null,
        key text not null, headers jsonb not null, value bytea not null, appended_at timestamptz not null default now(),
        primary key (topic, partition, "offset")
      )`);
    await runner.query('create index log_record_appended_at on log_record using brin (appended_at)');
    await createLeaseTables(runner);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

const migrations: readonly MigrationClass[] = [CreateBus1763000000000];

/** Schema of the database bus: connect a Database of its own to it, with its own role and a small pool. */
export const busSchema: ServiceSchema = { name: 'bus', entities: [], migrations };
