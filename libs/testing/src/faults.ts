import pg from 'pg';

/**
 * Cuts every connection that the services hold to a database, as a restarted server or a broken network would, in the
 * middle of whatever they do.
 *
 * @param databaseUrl URL of the superuser
 * @returns how many connections were cut
 */
export async function cutConnections(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      String.raw`select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and usename like 'q2\_%' and pid <> pg_backend_pid()`,
    );
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}
