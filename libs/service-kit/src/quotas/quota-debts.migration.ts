import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was taken or given back while tenant-manager was away, until it has been told. */
export class QuotaDebts1760000000400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table quota_debts (
      tenant_id text not null,
      resource text not null,
      holder text not null,
      intent text not null check (intent in ('acquire', 'release')),
      amount bigint not null,
      created_at timestamptz not null default now(),
      retry_at timestamptz not null default now(),
      primary key (tenant_id, resource, holder)
    )`);
    await enableTenantIsolation(runner, 'quota_debts');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table quota_debts');
  }
}
