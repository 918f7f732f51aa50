import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Triggers, what they fired, what dependency triggers have seen so far, and the events that callers emitted. */
export class CreateSchedules1764200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table trigger (
        tenant_id text not null, uid uuid not null, id text not null,
        spec jsonb not null,
        is_paused boolean not null, next_fire_at timestamptz, last_fire_at timestamptz, run_count integer not null,
        version integer not null, created_at timestamptz not null, updated_at timestamptz not null,
        primary key (tenant_id, uid), unique (tenant_id, id)
      )`);
    await runner.query('create index trigger_due on trigger (next_fire_at) where not is_paused and next_fire_at is not null');
    await runner.query(`
      create table trigger_listener (
        tenant_id text not null, heard text not null, trigger_uid uuid not null,
        primary key (tenant_id, heard, trigger_uid),
        foreign key (tenant_id, trigger_uid) references trigger (tenant_id, uid) on delete cascade
      )`);
    await runner.query('create index trigger_listener_trigger on trigger_listener (tenant_id, trigger_uid)');
    await runner.query(`
      create table firing (
        tenant_id text not null, trigger_uid uuid not null, key text not null, id uuid not null,
        nominal_at timestamptz not null, state text not null, reason text not null, detail text not null,
        action jsonb not null, execution text, emitted_event text, cause_event_id text, hops integer not null,
        attempts integer not null, attempts_max integer not null, next_attempt_at timestamptz, created_at timestamptz not null,
        settled_at timestamptz, ended_at timestamptz,
        primary key (tenant_id, trigger_uid, key), unique (tenant_id, id),
        foreign key (tenant_id, trigger_uid) references trigger (tenant_id, uid) on delete cascade
      )`);
    await runner.query('create index firing_newest on firing (tenant_id, trigger_uid, nominal_at desc, key desc)');
    await runner.query('create index firing_execution on firing (tenant_id, execution)');
    await runner.query(`create index firing_pending on firing (next_attempt_at) where state = 'PENDING'`);
    await runner.query(`
      create table dependency_end (
        tenant_id text not null, trigger_uid uuid not null, workflow text not null, execution text not null, ended_at timestamptz not null,
        primary key (tenant_id, trigger_uid, workflow),
        foreign key (tenant_id, trigger_uid) references trigger (tenant_id, uid) on delete cascade
      )`);
    await runner.query(`
      create table emitted_event (
        tenant_id text not null, id uuid not null, type text not null, source text not null, subject text not null,
        occurred_at timestamptz not null, data jsonb not null, hops integer not null, created_at timestamptz not null,
        primary key (tenant_id, id)
      )`);
    await runner.query('create index emitted_event_newest on emitted_event (tenant_id, created_at desc, id desc)');
    for (const table of ['trigger', 'trigger_listener', 'firing', 'dependency_end', 'emitted_event'])
      await enableTenantIsolation(runner, table);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
