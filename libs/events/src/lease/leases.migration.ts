import type { QueryRunner } from 'typeorm';

/**
 * Creates the lease tables in the schema of the migration that calls it. They are the platform's own and hold nothing
 * of tenants. Rows change several times a second, hence the room left in each page.
 */
export async function createLeaseTables(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table lease_member (
      group_name text not null, member text not null, expires_at timestamptz not null,
      primary key (group_name, member)
    ) with (fillfactor = 50)`);
  await runner.query(`
    create table partition_lease (
      group_name text not null, topic text not null, partition smallint not null,
      holder text, fence bigint not null default 0, expires_at timestamptz not null default '-infinity',
      position bigint not null default 0,
      primary key (group_name, topic, partition)
    ) with (fillfactor = 50)`);
}
