import type { Principal } from '../call.js';
import { actsEverywhere, checkActive, checkReach, type KnownTenant } from './reach.js';

const principal = (tenant: string, ...roles: string[]): Principal => ({ id: `${tenant}/key`, tenant, roles, permissions: new Set() });
const labs: KnownTenant = { id: 'labs', state: 'ACTIVE', ancestors: ['platform', 'acme'] };

describe('checkReach', () => {
  it('lets a principal into its own tenant, known here or not', () => {
    expect(() => checkReach(principal('labs', 'viewer'), 'labs', undefined)).not.toThrow();
  });

  it('lets an admin into the tenants below its own, and nobody else of that tenant', () => {
    expect(() => checkReach(principal('acme', 'admin'), 'labs', labs)).not.toThrow();
    expect(() => checkReach(principal('acme', 'editor'), 'labs', labs)).toThrow(/may not act/);
    expect(() => checkReach(principal('globex', 'admin'), 'labs', labs)).toThrow(/may not act/);
  });

  it('does not tell outsiders whether a tenant exists', () => {
    const message = (tenant: KnownTenant | undefined) => {
      try {
        checkReach(principal('globex', 'admin'), 'labs', tenant);
        return 'let in';
      } catch (error) {
        return String(error);
      }
    };
    expect(message(undefined)).toBe(message(labs));
  });

  it('lets operators and services into every tenant that exists', () => {
    for (const everywhere of [principal('platform', 'operator'), principal('platform', 'service:scheduler')]) {
      expect(actsEverywhere(everywhere)).toBe(true);
      expect(() => checkReach(everywhere, 'labs', labs)).not.toThrow();
      expect(() => checkReach(everywhere, 'nowhere', undefined)).toThrow(/does not exist/);
      expect(() => checkReach(everywhere, 'nowhere', undefined, true)).not.toThrow();
    }
    expect(actsEverywhere(principal('acme', 'operator'))).toBe(false);
  });
});

describe('checkActive', () => {
  const suspended: KnownTenant = { ...labs, state: 'SUSPENDED' };

  it('refuses work in a tenant that is not active, naming its state', () => {
    expect(() => checkActive(principal('labs', 'admin'), suspended, false)).toThrow(/is SUSPENDED/);
    expect(() => checkActive(principal('labs', 'admin'), labs, false)).not.toThrow();
    expect(() => checkActive(principal('labs', 'admin'), undefined, false)).not.toThrow();
  });

  it('still lets in those who can activate it again', () => {
    expect(() => checkActive(principal('platform', 'operator'), suspended, false)).not.toThrow();
    expect(() => checkActive(principal('acme', 'admin'), suspended, false)).not.toThrow();
  });

  it('lets services settle with tenant-manager only', () => {
    expect(() => checkActive(principal('platform', 'service:scheduler'), suspended, true)).not.toThrow();
    expect(() => checkActive(principal('platform', 'service:scheduler'), suspended, false)).toThrow(/is SUSPENDED/);
  });
});
