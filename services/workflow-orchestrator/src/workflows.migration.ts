import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Definitions in versions, executions with their history, and what is due: tasks, and events waited for. */
export class CreateWorkflows1764300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table workflow_version (
        tenant_id text not null, workflow_id text not null, version integer not null,
        description text not null, definition jsonb not null, creator text not null, created_at timestamptz not null default now(),
        primary key (tenant_id, workflow_id, version)
      )`);
    // due_at: when a replica must look at it (a timer, or an event heard); null where only a call or a task can move it.
    await runner.query(`
      create table execution (
        tenant_id text not null, execution_id text not null, workflow_id text not null, version integer not null,
        starter text not null, input jsonb not null, status text not null, state jsonb not null, last_sequence bigint not null,
        created_at timestamptz(3) not null default now(), ended_at timestamptz, holds_quota boolean not null default true,
        due_at timestamptz, fence bigint not null default 0, lease_until timestamptz,
        primary key (tenant_id, execution_id),
        foreign key (tenant_id, workflow_id, version) references workflow_version
      )`);
    await runner.query('create index execution_due on execution (due_at) where due_at is not null');
    await runner.query('create index execution_to_let_go on execution (ended_at) where holds_quota and ended_at is not null');
    await runner.query('create index execution_newest on execution (tenant_id, created_at desc, execution_id desc)');
    await runner.query(`
      create table execution_history (
        tenant_id text not null, execution_id text not null, sequence bigint not null,
        type text not null, step text not null, attempt integer not null, data jsonb not null, at timestamptz not null,
        primary key (tenant_id, execution_id, sequence),
        foreign key (tenant_id, execution_id) references execution
      )`);
    // queue is null for the platform's own actions, whose name is in handler.
    await runner.query(`
      create table task (
        tenant_id text not null, task_id uuid not null, execution_id text not null, step text not null, attempt integer not null,
        queue text, handler text not null, input jsonb not null, idempotency_key uuid not null, deadline_at timestamptz,
        available_at timestamptz not null default now(), deliveries integer not null default 0,
        fence bigint not null default 0, lease_until timestamptz,
        primary key (tenant_id, task_id), unique (tenant_id, execution_id, step),
        foreign key (tenant_id, execution_id) references execution
      )`);
    await runner.query('create index task_of_worker on task (tenant_id, queue, available_at) where queue is not null');
    await runner.query('create index task_of_platform on task (available_at) where queue is null');
    await runner.query(`
      create table listener (
        tenant_id text not null, execution_id text not null, step text not null, event_type text not null,
        primary key (tenant_id, execution_id, step),
        foreign key (tenant_id, execution_id) references execution
      )`);
    await runner.query('create index listener_type on listener (tenant_id, event_type)');
    await runner.query(`
      create table heard_event (
        tenant_id text not null, execution_id text not null, id bigint generated always as identity,
        step text not null, event jsonb not null,
        primary key (tenant_id, execution_id, id),
        foreign key (tenant_id, execution_id) references execution
      )`);
    const tables = ['workflow_version', 'execution', 'execution_history', 'task', 'listener', 'heard_event'];
    for (const table of tables) await enableTenantIsolation(runner, table);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
