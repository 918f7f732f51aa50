import { enableTenantIsolation, type MigrationClass } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createLeaseTables } from '../lease/leases.migration.js';

/** What is announced and not yet published. `seq` orders the rows of a partition for the relay, which deletes what it published. */
class CreateOutbox1763000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table outbox_event (
        tenant_id text not null, id uuid not null, seq bigint generated always as identity,
        partition smallint not null, topic text not null, key text not null, headers jsonb not null, data bytea not null,
        created_at timestamptz not null default now(),
        primary key (tenant_id, id)
      )`);
    await runner.query('create index outbox_event_relay on outbox_event (partition, seq)');
    await enableTenantIsolation(runner, 'outbox_event');
    await createLeaseTables(runner);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

/** What a service's consumers have finished with, what they try again later, and what they gave up on. */
class CreateInbox1763000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table inbox_event (
        tenant_id text not null, consumer text not null, event_id text not null, done_at timestamptz not null default now(),
        primary key (tenant_id, consumer, event_id)
      )`);
    await runner.query('create index inbox_event_done_at on inbox_event using brin (done_at)');
    await runner.query(`
      create table parked_event (
        tenant_id text not null, consumer text not null, event_id text not null, seq bigint generated always as identity,
        topic text not null, key text not null, headers jsonb not null, data bytea not null,
        tries integer not null, next_try_at timestamptz not null, last_error text not null,
        primary key (tenant_id, consumer, event_id)
      )`);
    await runner.query('create index parked_event_lane on parked_event (tenant_id, consumer, topic, key, seq)');
    await runner.query(`
      create table dead_letter (
        tenant_id text not null, id uuid not null, consumer text not null, event_id text not null,
        topic text not null, key text not null, headers jsonb not null, data bytea not null,
        reason text not null, error text not null, tries integer not null, failed_at timestamptz not null default now(),
        primary key (tenant_id, id), unique (tenant_id, consumer, event_id)
      )`);
    for (const table of ['inbox_event', 'parked_event', 'dead_letter']) await enableTenantIsolation(runner, table);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

/** Tables that every service which publishes or consumes events has in its own schema. */
export const outboxMigrations: readonly MigrationClass[] = [CreateOutbox1763000000001, CreateInbox1763000000002];
