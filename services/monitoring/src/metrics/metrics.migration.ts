import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Series, their points, and the batches that were stored. The primary key of points is the index that queries read. */
export class CreateMetrics1764100000000 implements MigrationInterface {
  readonly name = 'CreateMetrics1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE series (
        tenant_id text NOT NULL,
        id bigint GENERATED ALWAYS AS IDENTITY,
        hash bytea NOT NULL,
        metric text NOT NULL,
        labels jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        last_record_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT series_hash UNIQUE (tenant_id, hash)
      )`);
    await runner.query('CREATE INDEX series_metric ON series (tenant_id, metric, id)');
    await runner.query('CREATE INDEX series_last_record ON series (last_record_at)');
    await runner.query(`
      CREATE TABLE points (
        tenant_id text NOT NULL,
        series_id bigint NOT NULL,
        measured_at timestamptz NOT NULL,
        id bigint GENERATED ALWAYS AS IDENTITY,
        value double precision NOT NULL,
        PRIMARY KEY (tenant_id, series_id, measured_at, id)
      )`);
    await runner.query('CREATE INDEX points_measured_at ON points USING brin (measured_at)');
    await runner.query(`
      CREATE TABLE batches (
        tenant_id text NOT NULL,
        id uuid NOT NULL,
        received_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX batches_received_at ON batches (received_at)');
    for (const table of ['series', 'points', 'batches']) await enableTenantIsolation(runner, table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE batches, points, series');
  }
}
