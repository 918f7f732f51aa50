import { InvalidArgument } from '@q2/errors';
import type pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

/** Where and as whom to connect, as pg takes it. */
export type ConnectionSettings = pg.ClientConfig;

/**
 * Reads a PostgreSQL URL.
 *
 * @throws {InvalidArgument} where it is not one; the URL itself is never in the message, as it holds a password
 */
export function parseDatabaseUrl(url: string): ConnectionSettings {
  if (!/^postgres(ql)?:\/\//.test(url)) throw notAUrl();
  try {
    return { ...parseIntoClientConfig(url), connectionTimeoutMillis: 5_000, keepAlive: true };
  } catch {
    throw notAUrl();
  }
}

/** Where a URL leads, for messages: host, port and database without the login. */
export function describeServer(settings: ConnectionSettings): string {
  return `${settings.host ?? 'localhost'}:${String(settings.port ?? 5432)}/${settings.database ?? ''}`;
}

function notAUrl(): InvalidArgument {
  return InvalidArgument.field('DATABASE_URL', 'must be a URL of the form postgres://user:password@host:port/database');
}
