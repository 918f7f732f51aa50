import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Experiments, and how they were decided. */
export class CreateExperiments1764300000000 implements MigrationInterface {
  readonly name = 'CreateExperiments1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE experiments (
        tenant_id text NOT NULL,
        id text NOT NULL,
        state text NOT NULL,
        definition jsonb NOT NULL,
        winner_variant text NOT NULL,
        revision integer NOT NULL,
        has_new_data boolean NOT NULL,
        waiting_units bigint NOT NULL DEFAULT 0,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        started_at timestamptz(3),
        ended_at timestamptz(3),
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX experiments_newest ON experiments (tenant_id, created_at DESC, id DESC)');
    await runner.query(`CREATE INDEX experiments_to_analyse ON experiments (tenant_id, id) WHERE state = 'RUNNING' AND has_new_data`);
    await runner.query(`
      CREATE TABLE decisions (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL,
        decided_by text NOT NULL,
        winner_variant text NOT NULL,
        evidence jsonb NOT NULL,
        decided_at timestamptz(3) NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, id),
        FOREIGN KEY (tenant_id, experiment_id) REFERENCES experiments (tenant_id, id)
      )`);
    for (const table of ['experiments', 'decisions']) await enableTenantIsolation(runner, table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE decisions, experiments');
  }
}
