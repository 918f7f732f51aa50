import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What attempts leave to know for the next replica, and the name of this installation in a cluster that others use too. */
export class AddJobs1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table task add column notes jsonb');
    await runner.query(`create index task_of_cluster on task (available_at) where queue = '$jobs'`);
    await runner.query('create table installation (tenant_id text not null, id uuid not null default uuidv7(), primary key (tenant_id))');
    await runner.query(`insert into installation (tenant_id) values ('platform')`);
    await enableTenantIsolation(runner, 'installation');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
