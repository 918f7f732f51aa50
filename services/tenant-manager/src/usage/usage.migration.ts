import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Metered use by hour. Sums are numeric: they may outgrow what one event can report. */
export class CreateUsage1764000000500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table usage_hours (
      tenant_id text not null,
      hour timestamptz not null,
      resource text not null,
      quantity numeric not null,
      primary key (tenant_id, hour, resource)
    )`);
    await enableTenantIsolation(runner, 'usage_hours');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
