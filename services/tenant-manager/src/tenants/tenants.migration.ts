import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { shippedPlans } from '../plans/plan.js';
import { rootTenant } from './tenant.js';

/**
 * The tree of tenants and the catalogue of plans. Plans are the platform's, the same for all tenants: they have no
 * tenant, and no row-level security.
 */
export class CreateTenants1764000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createPlans(runner);
    await createTenants(runner);
    // What a statement of ours opened up besides its own tenant, for as long as it runs: the tenants above, for quota.
    await runner.query(`create function in_reach(tenant_id text) returns boolean language sql stable parallel safe as
      $$ select tenant_id = any(string_to_array(current_setting('q2.reach', true), ',')) $$`);
    await enableTenantIsolation(runner, 'tenants', {
      alsoReadableWhere: 'parent_id = current_tenant() or in_reach(tenant_id)',
      alsoWritableWhere: 'parent_id = current_tenant()',
    });
    await createTenantPath(runner);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

async function createPlans(runner: QueryRunner): Promise<void> {
  await runner.query(`create table plans (
    plan_id text primary key,
    display_name text not null,
    limits jsonb not null,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
  )`);
  for (const { plan, displayName, limits } of shippedPlans) {
    await runner.query('insert into plans (plan_id, display_name, limits) values ($1, $2, $3)', [
      plan,
      displayName,
      JSON.stringify(limits),
    ]);
  }
}

async function createTenants(runner: QueryRunner): Promise<void> {
  await runner.query(`create table tenants (
    tenant_id text primary key,
    parent_id text references tenants,
    ancestors text[] not null,
    display_name text not null,
    plan_id text references plans,
    labels jsonb not null default '{}',
    state text not null check (state in ('PENDING', 'ACTIVE', 'SUSPENDED')),
    suspension_reason text not null default '',
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((parent_id is null) = (tenant_id = '${rootTenant}')),
    check ((plan_id is null) = (tenant_id = '${rootTenant}'))
  )`);
  await runner.query('create index tenants_by_parent on tenants (parent_id, tenant_id)');
  await runner.query(`insert into tenants (tenant_id, ancestors, display_name, state) values ($1, '{}', 'Platform', 'ACTIVE')`, [
    rootTenant,
  ]);
}

/** The transaction's tenant and all above it, the root first: the only way to see those above. */
async function createTenantPath(runner: QueryRunner): Promise<void> {
  await runner.query(`create function tenant_path() returns table (tenant text, state text, plan text) language plpgsql as $$
    declare
      path text[];
    begin
      select t.ancestors || t.tenant_id into path from tenants t where t.tenant_id = current_tenant();
      perform set_config('q2.reach', array_to_string(path, ','), true);
      return query select t.tenant_id, t.state, t.plan_id from tenants t where t.tenant_id = any(path) order by cardinality(t.ancestors);
      perform set_config('q2.reach', '', true);
    end $$`);
}
