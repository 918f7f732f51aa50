import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys, roles, and the keys that tokens are signed with, which belong to the tenant `platform`. */
export class CreateAccess1764000000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createApiKeys(runner);
    await runner.query(`create table access_roles (
      tenant_id text not null references tenants,
      role_id text not null,
      display_name text not null,
      permissions text[] not null,
      created_at timestamptz not null default now(),
      primary key (tenant_id, role_id)
    )`);
    await enableTenantIsolation(runner, 'access_roles');
    await runner.query(`create table signing_keys (
      tenant_id text not null,
      key_id text not null,
      public_jwk jsonb not null,
      private_jwk jsonb not null,
      created_at timestamptz not null,
      signs_from timestamptz not null,
      primary key (tenant_id, key_id)
    )`);
    await enableTenantIsolation(runner, 'signing_keys');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

/** A token is asked for by a key alone, before its tenant is known: the one key that is presented can be read by its id. */
async function createApiKeys(runner: QueryRunner): Promise<void> {
  await runner.query(`create table api_keys (
    tenant_id text not null references tenants,
    key_id text not null unique,
    position bigint generated always as identity,
    display_name text not null,
    roles text[] not null,
    secret_hash bytea not null,
    previous_secret_hash bytea,
    previous_expires_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    creator text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    primary key (tenant_id, key_id)
  )`);
  await runner.query('create index api_keys_by_position on api_keys (tenant_id, position desc)');
  await enableTenantIsolation(runner, 'api_keys', { alsoReadableWhere: `key_id = current_setting('q2.api_key', true)` });
}
