import { Unavailable } from '@q2/errors';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { connectFailure } from './connection-pool.js';
import { parseDatabaseUrl } from './connection-settings.js';
import { errorCode } from './database-errors.js';
import { ownerRole } from './service-roles.js';
import type { ServiceSchema } from './service-schema.js';

/**
 * Runs the migrations that are due, each in a transaction of its own, as the owner of the schema. Processes that start
 * at the same time take turns by an advisory lock.
 *
 * @param lockWaitMs how long to wait for another process that runs the migrations of the same schema
 * @returns names of the migrations that ran
 * @throws {Unavailable} MIGRATION_LOCKED where another process holds the lock too long
 */
export async function migrate(adminUrl: string, schema: ServiceSchema, lockWaitMs = 120_000): Promise<string[]> {
  const client = new pg.Client(parseDatabaseUrl(adminUrl));
  // A failing connection fails the statement that runs on it; without a listener it would also end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await lock(client, schema.name, lockWaitMs);
    return await runDue(adminUrl, schema);
  } catch (error) {
    throw connectFailure(error, parseDatabaseUrl(adminUrl));
  } finally {
    await client.end();
  }
}

async function lock(client: pg.Client, schema: string, lockWaitMs: number): Promise<void> {
  try {
    await client.query(`SET statement_timeout = ${String(lockWaitMs)}`);
    await client.query(`SELECT pg_advisory_lock(hashtextextended('q2.migrate.' || $1, 0))`, [schema]);
  } catch (error) {
    if (errorCode(error) !== '57014') throw error;
    throw new Unavailable(
      'MIGRATION_LOCKED',
      `another process has been running the migrations of schema ${schema} for ${String(lockWaitMs)} ms`,
    );
  }
}

async function runDue(adminUrl: string, schema: ServiceSchema): Promise<string[]> {
  const become = `SET ROLE ${pg.escapeIdentifier(ownerRole(schema.name))}; SET search_path = ${pg.escapeIdentifier(schema.name)}`;
  const source = new DataSource({
    type: 'postgres',
    driver: pg,
    schema: schema.name,
    migrations: [...schema.migrations],
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    // TypeORM's default writes to the console; a failure is thrown anyway.
    logger: 'debug',
    installExtensions: false,
    poolSize: 2,
    poolErrorHandler: () => undefined,
    extra: {
      ...parseDatabaseUrl(adminUrl),
      application_name: `q2 ${schema.name} migrations`,
      onConnect: (client: pg.ClientBase) => client.query(become),
    },
  });
  await source.initialize();
  try {
    const ran = await source.runMigrations();
    return ran.map(({ name }) => name);
  } finally {
    await source.destroy();
  }
}
