import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What happened to units, at three levels: the raw events with their ids, one row per unit, and the sufficient
 * statistics. Sums are `numeric`, so that adding and taking back leaves no trace of rounding.
 */
export class CreateOutcomes1764300001000 implements MigrationInterface {
  readonly name = 'CreateOutcomes1764300001000';

  async up(runner: QueryRunner): Promise<void> {
    await this.createEvents(runner);
    await this.createUnits(runner);
    await this.createStatistics(runner);
    const tables = ['exposures', 'outcomes', 'units', 'unit_values', 'variant_units', 'variant_statistics'];
    for (const table of tables) await enableTenantIsolation(runner, table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE exposures, outcomes, units, unit_values, variant_units, variant_statistics');
  }

  private async createEvents(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE exposures (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        id text NOT NULL,
        unit_id text NOT NULL,
        variant text NOT NULL,
        exposed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, id)
      )`);
    await runner.query(`
      CREATE TABLE outcomes (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        id text NOT NULL,
        unit_id text NOT NULL,
        metric text NOT NULL,
        value numeric NOT NULL,
        happened_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, id)
      )`);
  }

  private async createUnits(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE units (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        unit_id text NOT NULL,
        variant text NOT NULL,
        exposed_at timestamptz NOT NULL,
        exposure_id text NOT NULL,
        met_several boolean NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, unit_id)
      )`);
    await runner.query(`
      CREATE TABLE unit_values (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        unit_id text NOT NULL,
        metric text NOT NULL,
        outcomes bigint NOT NULL,
        sum numeric NOT NULL,
        value numeric NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, unit_id, metric)
      )`);
  }

  private async createStatistics(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE variant_units (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        variant text NOT NULL,
        units bigint NOT NULL,
        multiply_exposed bigint NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, variant)
      )`);
    await runner.query(`
      CREATE TABLE variant_statistics (
        tenant_id text NOT NULL,
        experiment_id text NOT NULL,
        metric text NOT NULL,
        variant text NOT NULL,
        units bigint NOT NULL,
        sum numeric NOT NULL,
        sum_of_squares numeric NOT NULL,
        PRIMARY KEY (tenant_id, experiment_id, metric, variant)
      )`);
  }
}
