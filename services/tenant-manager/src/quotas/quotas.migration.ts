import { enableTenantIsolation } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { countableMost } from './quota.js';

/**
 * What tenants hold. A tenant's row of `quota_usage` counts what it and all below it hold; the root has a row for what it
 * holds itself only, as it is not limited and every call of every tenant would wait for it.
 */
export class CreateQuotas1764000000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createTables(runner);
    await runner.query(lockPath);
    await runner.query(acquire);
    await runner.query(release);
    await runner.query(pathUse);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

async function createTables(runner: QueryRunner): Promise<void> {
  await runner.query(`create table quota_usage (
    tenant_id text not null references tenants,
    resource text not null,
    parent_id text,
    used bigint not null default 0 check (used >= own),
    own bigint not null default 0 check (own >= 0),
    primary key (tenant_id, resource)
  ) with (fillfactor = 50)`);
  await runner.query('create index quota_usage_by_parent on quota_usage (parent_id, resource)');
  await runner.query(`create table quota_reservations (
    tenant_id text not null references tenants,
    resource text not null,
    holder text not null,
    amount bigint not null check (amount > 0),
    created_at timestamptz not null default now(),
    primary key (tenant_id, resource, holder)
  )`);
  await runner.query(`create table limit_crossings (
    tenant_id text not null,
    id uuid not null default uuidv7(),
    resource text not null,
    used bigint not null,
    limit_amount bigint not null,
    threshold_percent int not null,
    primary key (tenant_id, id)
  )`);
  await enableTenantIsolation(runner, 'quota_usage', {
    alsoReadableWhere: 'parent_id = current_tenant()',
    alsoWritableWhere: 'in_reach(tenant_id)',
  });
  await enableTenantIsolation(runner, 'quota_reservations');
  await enableTenantIsolation(runner, 'limit_crossings', { alsoWritableWhere: 'in_reach(tenant_id)' });
}

/**
 * Locks the use of one resource along the transaction's tenant's path, from the top down: as everyone locks in this
 * order, nobody waits in a circle. Opens the path's rows to the transaction; callers close them again.
 */
const lockPath = `create function quota_lock_path(p_resource text) returns text[] language plpgsql as $$
  declare
    path text[];
    step text;
  begin
    select case when t.parent_id is null then array[t.tenant_id] else t.ancestors[2:] || t.tenant_id end into path
      from tenants t where t.tenant_id = current_tenant();
    perform set_config('q2.reach', array_to_string(path, ','), true);
    foreach step in array coalesce(path, '{}') loop
      perform 1 from quota_usage u where u.tenant_id = step and u.resource = p_resource for update;
      if not found then
        insert into quota_usage (tenant_id, resource, parent_id) select t.tenant_id, p_resource, t.parent_id from tenants t where t.tenant_id = step
          on conflict do nothing;
        perform 1 from quota_usage u where u.tenant_id = step and u.resource = p_resource for update;
      end if;
    end loop;
    return path;
  end $$`;

/**
 * Reserves, where every tenant on the path has room for it; exact, because the path is locked before it is read. Gives
 * the path as it was before, with the reservation where there is one now.
 */
const acquire = `create function quota_acquire(p_resource text, p_holder text, p_amount bigint)
  returns table (tenant text, used bigint, "limit" bigint, held bigint, "heldSince" timestamptz, "isNew" boolean) language plpgsql as $$
  #variable_conflict use_column
  declare
    path text[] := quota_lock_path(p_resource);
    before jsonb;
    reserved quota_reservations;
    is_new boolean := false;
  begin
    if path is null then
      return;
    end if;
    select r.* into reserved from quota_reservations r where r.tenant_id = current_tenant() and r.resource = p_resource and r.holder = p_holder;
    select jsonb_agg(jsonb_build_object('tenant', u.tenant_id, 'used', u.used, 'limit', p.limits -> p_resource) order by array_position(path, u.tenant_id))
      into before
      from quota_usage u join tenants t on t.tenant_id = u.tenant_id left join plans p on p.plan_id = t.plan_id
      where u.tenant_id = any(path) and u.resource = p_resource;
    if reserved.amount is null and not exists (
      select from jsonb_to_recordset(before) as step(used bigint, "limit" bigint)
      where step.used + p_amount > coalesce(step."limit", ${countableMost})
    ) then
      insert into quota_reservations (tenant_id, resource, holder, amount) values (current_tenant(), p_resource, p_holder, p_amount)
        returning * into reserved;
      update quota_usage u set used = u.used + p_amount, own = u.own + case when u.tenant_id = current_tenant() then p_amount else 0 end
        where u.tenant_id = any(path) and u.resource = p_resource;
      is_new := true;
    end if;
    perform set_config('q2.reach', '', true);
    return query select step.tenant, step.used, step."limit", reserved.amount, reserved.created_at, is_new
      from jsonb_to_recordset(before) as step(tenant text, used bigint, "limit" bigint);
  end $$`;

/** Gives back what a holder holds, and tells how much; 0 where it holds nothing. */
const release = `create function quota_release(p_resource text, p_holder text) returns bigint language plpgsql as $$
  declare
    path text[] := quota_lock_path(p_resource);
    released bigint;
  begin
    delete from quota_reservations r where r.tenant_id = current_tenant() and r.resource = p_resource and r.holder = p_holder
      returning r.amount into released;
    update quota_usage u set used = u.used - released, own = u.own - case when u.tenant_id = current_tenant() then released else 0 end
      where released is not null and u.tenant_id = any(path) and u.resource = p_resource;
    perform set_config('q2.reach', '', true);
    return coalesce(released, 0);
  end $$`;

/** Use and limit of one resource along the transaction's tenant's path, the top first, without locking. */
const pathUse = `create function quota_path(p_resource text) returns table (tenant text, used bigint, "limit" bigint) language plpgsql as $$
  declare
    path text[];
  begin
    select t.ancestors || t.tenant_id into path from tenants t where t.tenant_id = current_tenant();
    perform set_config('q2.reach', array_to_string(path, ','), true);
    return query select t.tenant_id, coalesce(u.used, 0), (p.limits ->> p_resource)::bigint
      from tenants t
      left join quota_usage u on u.tenant_id = t.tenant_id and u.resource = p_resource
      left join plans p on p.plan_id = t.plan_id
      where t.tenant_id = any(path)
      order by cardinality(t.ancestors);
    perform set_config('q2.reach', '', true);
  end $$`;
