import { describeServer, parseDatabaseUrl } from './connection-settings.js';
import { requireVersion } from './provision.js';
import { checkSchemaName, rolePassword, roleUrl } from './service-roles.js';

const adminUrl = 'postgres://admin:secret@db.example:6432/q2?sslmode=disable';

describe('rolePassword', () => {
  it('is the same for every replica, differs per role, and does not show the administrator’s', () => {
    const password = rolePassword(adminUrl, 'q2_models');
    expect(rolePassword(adminUrl, 'q2_models')).toBe(password);
    expect(rolePassword(adminUrl, 'q2_models_jobs')).not.toBe(password);
    expect(rolePassword('postgres://admin:other@db.example/q2', 'q2_models')).not.toBe(password);
    expect(password).not.toContain('secret');
    expect(password.length).toBeGreaterThan(40);
  });

  it('refuses a URL without a password, as every login would then be known', () => {
    expect(() => rolePassword('postgres://admin@db.example/q2', 'q2_models')).toThrow('DATABASE_URL must hold a password');
  });
});

describe('roleUrl', () => {
  it('changes the login and nothing else', () => {
    const url = new URL(roleUrl(adminUrl, 'q2_models'));
    expect([url.username, url.host, url.pathname, url.search]).toEqual(['q2_models', 'db.example:6432', '/q2', '?sslmode=disable']);
    expect(url.password).toBe(rolePassword(adminUrl, 'q2_models'));
  });
});

describe('checkSchemaName', () => {
  it.each(['models', 'a', 'ab_testing2'])('takes %s', (name) => {
    expect(() => checkSchemaName(name)).not.toThrow();
  });

  it.each(['', 'Models', '2models', 'a-b', 'pg_models', 'x"; DROP', 'a'.repeat(41)])('refuses %p', (name) => {
    expect(() => checkSchemaName(name)).toThrow('schema: must be');
  });
});

describe('parseDatabaseUrl', () => {
  it.each(['', 'mysql://db/q2', 'db.example:5432', 'postgres://[bad'])('refuses %p without repeating it', (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow('DATABASE_URL: must be a URL of the form');
  });

  it('is described without its login', () => {
    expect(describeServer(parseDatabaseUrl(adminUrl))).toBe('db.example:6432/q2');
    expect(describeServer({})).toBe('localhost:5432/');
  });
});

describe('requireVersion', () => {
  it.each(['18.4', '18.4 (Debian 18.4-1.pgdg12)', '19beta1'])('takes %s', (version) => {
    expect(() => requireVersion(version)).not.toThrow();
  });

  it.each(['17.6', '9.6.24', ''])('refuses %p', (version) => {
    expect(() => requireVersion(version)).toThrow(`PostgreSQL 18 or newer is needed; the server runs ${version}`);
  });
});
