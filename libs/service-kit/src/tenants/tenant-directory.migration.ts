import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a service knows of all tenants: rows of the platform, not of a tenant, hence without row-level security. */
export class TenantDirectory1760000000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table tenant_directory (
      tenant text primary key,
      state text not null,
      ancestors text[] not null,
      changed_at timestamptz not null
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table tenant_directory');
  }
}
