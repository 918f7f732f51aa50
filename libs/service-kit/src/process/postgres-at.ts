/** How messages name the PostgreSQL server of a URL: without login and password. */
export function postgresAt(databaseUrl: string): string {
  const { hostname, port } = new URL(databaseUrl);
  return `PostgreSQL at ${hostname || 'localhost'}:${port || '5432'}`;
}
