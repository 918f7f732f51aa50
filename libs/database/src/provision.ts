import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailedPrecondition } from '@q2/errors';
import pg from 'pg';
import { connectFailure } from './connection-pool.js';
import { parseDatabaseUrl } from './connection-settings.js';
import { errorCode, messageOf, tenantMissingState } from './database-errors.js';
import { checkSchemaName, jobsRole, ownerRole, rolePassword, roleUrl, serviceRole } from './service-roles.js';

/** URLs of a service's two logins. */
export interface ServiceLogins {
  /** Bound by row-level security. */
  readonly serviceUrl: string;
  /** Not bound by it: for this library only. */
  readonly jobsUrl: string;
}

/** Changed when the attributes below change, so that existing roles are brought up to date. */
const roleVersion = 1;

/**
 * Creates the schema of a service, its owner and its two logins, where they are missing, and brings them up to date.
 * Safe to run at any time and by several processes at once.
 *
 * @param adminUrl login that may create roles and schemas (a superuser, or CREATEROLE with BYPASSRLS)
 * @throws {FailedPrecondition} DATABASE_TOO_OLD, DATABASE_ADMIN_NEEDED, DATABASE_PASSWORD_MISSING, DATABASE_LOGIN_REFUSED
 * @throws {Unavailable} DATABASE_UNAVAILABLE
 */
export async function provisionService(adminUrl: string, schema: string): Promise<ServiceLogins> {
  checkSchemaName(schema);
  const logins = { serviceUrl: roleUrl(adminUrl, serviceRole(schema)), jobsUrl: roleUrl(adminUrl, jobsRole(schema)) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await provisionOnce(adminUrl, schema);
      return logins;
    } catch (error) {
      if (attempt === 20 || !isRoleRace(error)) throw provisionFailure(error, adminUrl);
      await sleep(10 + Math.random() * 20 * attempt);
    }
  }
}

/**
 * Roles belong to the whole server while our lock belongs to one database, so two databases that are provisioned at the
 * same time can meet: "tuple concurrently updated", a duplicate role, a deadlock.
 */
function isRoleRace(error: unknown): boolean {
  return ['XX000', '23505', '42710', '40P01'].includes(errorCode(error) ?? '');
}

function provisionFailure(error: unknown, adminUrl: string): unknown {
  const settings = parseDatabaseUrl(adminUrl);
  if (errorCode(error) !== '42501') return connectFailure(error, settings);
  const detail = messageOf(error);
  return new FailedPrecondition(
    'DATABASE_ADMIN_NEEDED',
    `the login ${settings.user ?? ''} of DATABASE_URL may not set up the services (${detail}); it needs CREATEROLE, BYPASSRLS and CREATE on the database`,
  );
}

async function provisionOnce(adminUrl: string, schema: string): Promise<void> {
  const client = new pg.Client(parseDatabaseUrl(adminUrl));
  client.on('error', () => undefined);
  try {
    await client.connect();
    requireVersion(await serverVersion(client));
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('q2.provision', 0))`);
    await ensureRole(client, adminUrl, { name: ownerRole(schema), attributes: 'NOLOGIN NOBYPASSRLS', schema });
    await ensureRole(client, adminUrl, { name: serviceRole(schema), attributes: 'LOGIN NOBYPASSRLS', schema });
    await ensureRole(client, adminUrl, { name: jobsRole(schema), attributes: 'LOGIN BYPASSRLS', schema });
    await client.query(schemaStatements(schema));
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function serverVersion(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  return rows[0]?.server_version ?? '';
}

/**
 * PostgreSQL 18 brought `uuidv7()`, which migrations use.
 *
 * @param version as the server says it, such as `18.4 (Debian 18.4-1)`
 * @throws {FailedPrecondition} DATABASE_TOO_OLD
 */
export function requireVersion(version: string): void {
  if (Number.parseInt(version, 10) >= 18) return;
  throw new FailedPrecondition('DATABASE_TOO_OLD', `PostgreSQL 18 or newer is needed; the server runs ${version}`);
}

interface RoleDefinition {
  readonly name: string;
  readonly attributes: string;
  readonly schema: string;
}

/** Changes the role only where its comment says that it differs: every start of a process would write it otherwise. */
async function ensureRole(client: pg.Client, adminUrl: string, role: RoleDefinition): Promise<void> {
  const password = rolePassword(adminUrl, role.name);
  const fingerprint = `Q2 role v${String(roleVersion)} ${createHash('sha256').update(password).digest('hex').slice(0, 32)}`;
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
    [role.name],
  );
  if (rows[0]?.comment === fingerprint) return;
  const name = pg.escapeIdentifier(role.name);
  await client.query(
    `${rows.length === 0 ? 'CREATE' : 'ALTER'} ROLE ${name} WITH ${role.attributes} NOCREATEDB NOCREATEROLE PASSWORD ${pg.escapeLiteral(password)};
     ALTER ROLE ${name} SET search_path = ${pg.escapeIdentifier(role.schema)};
     COMMENT ON ROLE ${name} IS ${pg.escapeLiteral(fingerprint)}`,
  );
}

/** TRUNCATE is not granted: row-level security does not bind it. */
function schemaStatements(schema: string): string {
  const owner = pg.escapeIdentifier(ownerRole(schema));
  const logins = [serviceRole(schema), jobsRole(schema)].map((role) => pg.escapeIdentifier(role)).join(', ');
  const name = pg.escapeIdentifier(schema);
  return `
    GRANT ${owner} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE;
    CREATE SCHEMA IF NOT EXISTS ${name} AUTHORIZATION ${owner};
    SET LOCAL ROLE ${owner};
    GRANT USAGE ON SCHEMA ${name} TO ${logins};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${logins};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT USAGE, SELECT ON SEQUENCES TO ${logins};
    ${currentTenantFunction(name)}
    RESET ROLE`;
}

/**
 * The tenant of the transaction, or an error. The setting is unknown in a session that never had a tenant, and empty in
 * one that had one before; both are refused, as a missing tenant must never mean "no rows", still less "all rows".
 */
function currentTenantFunction(schemaIdentifier: string): string {
  return `
    CREATE OR REPLACE FUNCTION ${schemaIdentifier}.current_tenant() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    DECLARE tenant text := current_setting('q2.tenant', true);
    BEGIN
      IF tenant IS NULL OR tenant = '' THEN
        RAISE EXCEPTION 'no tenant is set for this transaction' USING
          ERRCODE = '${tenantMissingState}', HINT = 'Run: BEGIN; SELECT set_config(''q2.tenant'', ''<tenant>'', true); ...';
      END IF;
      RETURN tenant;
    END $$;`;
}
