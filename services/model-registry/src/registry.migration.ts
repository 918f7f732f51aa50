import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const tables = [
  `CREATE TABLE model (
     tenant_id text NOT NULL, model_id text NOT NULL,
     description text NOT NULL, labels jsonb NOT NULL, task text NOT NULL, owner text NOT NULL,
     memory_limit_bytes bigint NOT NULL CHECK (memory_limit_bytes >= 0),
     last_sequence bigint NOT NULL DEFAULT 0, revision bigint NOT NULL DEFAULT 1,
     created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, model_id))`,
  `CREATE TABLE version (
     tenant_id text NOT NULL, model_id text NOT NULL, version text NOT NULL,
     precedence text COLLATE "C" NOT NULL,
     stage text NOT NULL DEFAULT 'DRAFT' CHECK (stage IN ('DRAFT', 'STAGING', 'PRODUCTION', 'ARCHIVED')),
     metadata jsonb NOT NULL, labels jsonb NOT NULL, creator text NOT NULL, revision bigint NOT NULL DEFAULT 1,
     created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, model_id, version),
     FOREIGN KEY (tenant_id, model_id) REFERENCES model ON DELETE CASCADE)`,
  `CREATE TABLE artifact (
     tenant_id text NOT NULL, model_id text NOT NULL, version text NOT NULL, file_name text COLLATE "C" NOT NULL,
     sha256 text NOT NULL, size_bytes bigint NOT NULL, creator text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, model_id, version, file_name),
     FOREIGN KEY (tenant_id, model_id, version) REFERENCES version ON DELETE CASCADE)`,
  `CREATE TABLE alias (
     tenant_id text NOT NULL, model_id text NOT NULL, alias text NOT NULL, version text NOT NULL,
     updated_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, model_id, alias),
     FOREIGN KEY (tenant_id, model_id, version) REFERENCES version ON DELETE CASCADE)`,
  `CREATE TABLE assignment (
     tenant_id text NOT NULL, model_id text NOT NULL, sequence bigint NOT NULL,
     alias text NOT NULL, from_version text, to_version text NOT NULL,
     cause text NOT NULL CHECK (cause IN ('PROMOTION', 'ROLLBACK', 'ALIAS')),
     principal text NOT NULL, reason text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (tenant_id, model_id, sequence),
     FOREIGN KEY (tenant_id, model_id) REFERENCES model ON DELETE CASCADE)`,
  `CREATE TABLE pin (
     tenant_id text NOT NULL, model_id text NOT NULL, version text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (tenant_id, model_id, version),
     FOREIGN KEY (tenant_id, model_id, version) REFERENCES version ON DELETE CASCADE)`,
];

const indexes = [
  // At most one version of a model serves, whatever the code does.
  `CREATE UNIQUE INDEX version_in_production ON version (tenant_id, model_id) WHERE stage = 'PRODUCTION'`,
  // Build metadata does not tell versions apart.
  `CREATE UNIQUE INDEX version_by_precedence ON version (tenant_id, model_id, precedence)`,
  `CREATE INDEX artifact_by_content ON artifact (tenant_id, sha256)`,
  `CREATE INDEX assignment_by_alias ON assignment (tenant_id, model_id, alias, sequence)`,
];

class CreateRegistry1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...tables, ...indexes]) await runner.query(statement);
    for (const table of ['model', 'version', 'artifact', 'alias', 'assignment', 'pin']) await enableTenantIsolation(runner, table);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

export const registryMigrations = [CreateRegistry1763800000000];
