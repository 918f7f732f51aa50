import { FailedPrecondition, InvalidArgument, PermissionDenied } from '@q2/errors';
import { checkActivePath, checkDisplayName, checkFromAbove, checkTransition, updatedFields, type TenantState } from './tenant.js';

const states: readonly TenantState[] = ['PENDING', 'ACTIVE', 'SUSPENDED'];

describe('checkTransition', () => {
  it('allows exactly activation, suspension and reactivation', () => {
    const allowed = states.flatMap((from) => states.filter((to) => isAllowed(from, to)).map((to) => `${from}→${to}`));
    expect(allowed).toEqual(['PENDING→ACTIVE', 'ACTIVE→SUSPENDED', 'SUSPENDED→ACTIVE']);
  });

  it('names what is allowed instead', () => {
    expect(() => checkTransition('acme', 'PENDING', 'SUSPENDED')).toThrow(
      expect.objectContaining({
        reason: 'ILLEGAL_TENANT_TRANSITION',
        metadata: { tenant: 'acme', from: 'PENDING', to: 'SUSPENDED', allowed: 'ACTIVE' },
      }),
    );
  });

  it('never moves the root', () => {
    expect(() => checkTransition('platform', 'ACTIVE', 'SUSPENDED')).toThrow(expect.objectContaining({ reason: 'ROOT_TENANT_FIXED' }));
  });

  const isAllowed = (from: TenantState, to: TenantState): boolean => {
    try {
      checkTransition('acme', from, to);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(FailedPrecondition);
      return false;
    }
  };
});

describe('checkFromAbove', () => {
  it('refuses a tenant deciding about itself', () => {
    expect(() => checkFromAbove('acme', 'acme')).toThrow(PermissionDenied);
  });

  it('lets a tenant above decide, and leaves the root to its own rule', () => {
    expect(() => checkFromAbove('platform', 'acme')).not.toThrow();
    expect(() => checkFromAbove('platform', 'platform')).not.toThrow();
  });
});

describe('checkActivePath', () => {
  it('passes where all are active', () => {
    expect(() =>
      checkActivePath([
        { tenant: 'platform', state: 'ACTIVE' },
        { tenant: 'acme', state: 'ACTIVE' },
      ]),
    ).not.toThrow();
  });

  it('names the highest tenant that is not', () => {
    const path = [
      { tenant: 'platform', state: 'ACTIVE' },
      { tenant: 'acme', state: 'SUSPENDED' },
      { tenant: 'acme-eu', state: 'PENDING' },
    ] as const;
    expect(() => checkActivePath(path)).toThrow(
      expect.objectContaining({ reason: 'TENANT_NOT_ACTIVE', metadata: { tenant: 'acme', state: 'SUSPENDED' } }),
    );
  });
});

describe('checkDisplayName', () => {
  it('refuses blank names, naming the field', () => {
    expect(() => checkDisplayName('  ', 'tenant.display_name')).toThrow(/^tenant\.display_name: /);
    expect(() => checkDisplayName('Acme', 'tenant.display_name')).not.toThrow();
  });
});

describe('updatedFields', () => {
  it('returns each field once', () => {
    expect([...updatedFields(['labels', 'labels'], ['display_name', 'labels'])]).toEqual(['labels']);
  });

  it('refuses an empty mask and a field that cannot be changed', () => {
    expect(() => updatedFields([], ['labels'])).toThrow(InvalidArgument);
    expect(() => updatedFields(['state'], ['labels'])).toThrow(/cannot name 'state'; allowed are labels/);
  });
});
