import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alerts with their timers, and the health last announced for each target. */
export class CreateAlerts1764100002000 implements MigrationInterface {
  readonly name = 'CreateAlerts1764100002000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE alerts (
        tenant_id text NOT NULL,
        id uuid NOT NULL,
        monitor_id text NOT NULL,
        fingerprint text NOT NULL,
        group_labels jsonb NOT NULL,
        target text NOT NULL,
        metric text NOT NULL,
        labels jsonb NOT NULL,
        state text NOT NULL,
        severity text NOT NULL,
        value double precision,
        threshold double precision NOT NULL,
        points integer NOT NULL,
        summary text NOT NULL,
        pending_at timestamptz NOT NULL,
        fired_at timestamptz,
        warning_since timestamptz,
        critical_since timestamptz,
        below_since timestamptz,
        clear_since timestamptz,
        evaluated_at timestamptz NOT NULL,
        acknowledged_at timestamptz,
        acknowledged_by text NOT NULL,
        resolved_at timestamptz,
        resolved_by text NOT NULL,
        comment text NOT NULL,
        revision integer NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`CREATE UNIQUE INDEX alerts_one_active ON alerts (tenant_id, monitor_id, fingerprint) WHERE state <> 'RESOLVED'`);
    await runner.query(`CREATE INDEX alerts_target ON alerts (tenant_id, target) WHERE state <> 'RESOLVED'`);
    await runner.query('CREATE INDEX alerts_updated ON alerts (tenant_id, updated_at)');
    await runner.query('CREATE INDEX alerts_resolved ON alerts (resolved_at)');
    await runner.query(`
      CREATE TABLE target_health (
        tenant_id text NOT NULL,
        target text NOT NULL,
        score integer NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, target)
      )`);
    for (const table of ['alerts', 'target_health']) await enableTenantIsolation(runner, table);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE target_health, alerts');
  }
}
