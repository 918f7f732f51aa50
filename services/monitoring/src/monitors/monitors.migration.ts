import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Monitors with what their evaluation needs: when they are due, and the lease of who evaluates. */
export class CreateMonitors1764100001000 implements MigrationInterface {
  readonly name = 'CreateMonitors1764100001000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE monitors (
        tenant_id text NOT NULL,
        id text NOT NULL,
        display_name text NOT NULL,
        target text NOT NULL,
        metric text NOT NULL,
        matchers jsonb NOT NULL,
        group_by jsonb NOT NULL,
        aggregation text NOT NULL,
        window_ms integer NOT NULL,
        comparison text NOT NULL,
        warning double precision,
        critical double precision,
        clear double precision,
        pending_ms integer NOT NULL,
        keep_firing_ms integer NOT NULL,
        minimum_samples integer NOT NULL,
        no_data text NOT NULL,
        interval_ms integer NOT NULL,
        labels jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        revision integer NOT NULL,
        due_at timestamptz NOT NULL,
        lease_token uuid,
        lease_until timestamptz,
        evaluated_at timestamptz,
        evaluate_error text NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX monitors_due ON monitors (due_at)');
    await runner.query('CREATE INDEX monitors_metric ON monitors (tenant_id, metric)');
    await runner.query('CREATE INDEX monitors_target ON monitors (tenant_id, target)');
    await enableTenantIsolation(runner, 'monitors');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE monitors');
  }
}
