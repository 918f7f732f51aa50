import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit log: entries can be added and read, and by nobody changed or removed, not even by the tables' owner. */
export class CreateAuditLog1764000000400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table audit_heads (
      tenant_id text primary key,
      entry_count bigint not null,
      hash text not null
    )`);
    await runner.query(`create table audit_entries (
      tenant_id text not null,
      sequence bigint not null,
      event_id text not null,
      content text not null,
      previous_hash text not null,
      hash text not null,
      primary key (tenant_id, sequence),
      unique (tenant_id, event_id)
    )`);
    await enableTenantIsolation(runner, 'audit_heads');
    await enableTenantIsolation(runner, 'audit_entries');
    await runner.query(`create function refuse_change() returns trigger language plpgsql as
      $$ begin raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege'; end $$`);
    await runner.query(`create trigger audit_entries_are_final before update or delete or truncate on audit_entries
      for each statement execute function refuse_change()`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
