import { createHmac } from 'node:crypto';
import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import { parseDatabaseUrl } from './connection-settings.js';

/** Owns the schema and runs its migrations; nobody logs in as it. */
export function ownerRole(schema: string): string {
  return `q2_${schema}_owner`;
}

/** The service's login: bound by row-level security, may not change tables. */
export function serviceRole(schema: string): string {
  return `q2_${schema}`;
}

/** The login of background jobs, which row-level security does not bind. */
export function jobsRole(schema: string): string {
  return `q2_${schema}_jobs`;
}

/**
 * A role's password, derived from that of the administrator: every replica arrives at the same one, and none is stored.
 *
 * @throws {FailedPrecondition} DATABASE_PASSWORD_MISSING where the URL has no password to derive from
 */
export function rolePassword(adminUrl: string, role: string): string {
  const { password } = parseDatabaseUrl(adminUrl);
  if (typeof password !== 'string' || password === '') {
    throw new FailedPrecondition(
      'DATABASE_PASSWORD_MISSING',
      'DATABASE_URL must hold a password; the logins of the services are derived from it',
    );
  }
  return createHmac('sha256', password).update(`q2 role ${role}`).digest('base64url');
}

/** The administrator's URL with the login of a role in its place. */
export function roleUrl(adminUrl: string, role: string): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = rolePassword(adminUrl, role);
  return url.href;
}

/**
 * Schema names become parts of role names and of statements.
 *
 * @throws {InvalidArgument} where the name is not lower-case letters, digits and underscores
 */
export function checkSchemaName(schema: string): void {
  if (/^[a-z][a-z0-9_]{0,39}$/.test(schema) && !schema.startsWith('pg_')) return;
  throw InvalidArgument.field(
    'schema',
    `must be 1 to 40 lower-case letters, digits or underscores and start with a letter, got ${JSON.stringify(schema)}`,
  );
}
