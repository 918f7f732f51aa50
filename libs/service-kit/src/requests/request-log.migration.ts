import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Mutations that were carried out, with their answers, so that a repeated request_id has no second effect. */
export class RequestLog1760000000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table handled_requests (
      tenant_id text not null,
      principal text not null,
      method text not null,
      request_key bytea not null,
      request_hash bytea not null,
      response bytea,
      created_at timestamptz not null default now(),
      primary key (tenant_id, principal, method, request_key)
    )`);
    await runner.query('create index handled_requests_by_age on handled_requests (created_at)');
    await enableTenantIsolation(runner, 'handled_requests');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table handled_requests');
  }
}
