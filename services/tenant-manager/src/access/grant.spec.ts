import { InvalidArgument } from '@q2/errors';
import { checkGrantsPermissions, checkGrantsShippedRole, checkRoleFitsTenant, type Granter } from './grant.js';

const granter = (...roles: string[]): Granter => ({ roles, permissions: new Set(['models.models.get']) });
const exceeds = expect.objectContaining({ reason: 'GRANT_EXCEEDS_OWN' });

describe('checkGrantsShippedRole', () => {
  it('lets everyone grant their own role and those below, and none above', () => {
    const ladder = ['viewer', 'editor', 'admin', 'operator'];
    for (const [own, role] of ladder.entries()) {
      for (const [rank, target] of ladder.entries()) {
        const grant = () => checkGrantsShippedRole(granter(role), target, 'roles');
        if (rank <= own) expect(grant).not.toThrow();
        else expect(grant).toThrow(exceeds);
      }
    }
  });

  it('counts the highest of several roles', () => {
    expect(() => checkGrantsShippedRole(granter('viewer', 'admin', 'promoter'), 'admin', 'roles')).not.toThrow();
  });

  it('lets editors make producers, and viewers not', () => {
    expect(() => checkGrantsShippedRole(granter('editor'), 'producer', 'roles')).not.toThrow();
    expect(() => checkGrantsShippedRole(granter('viewer'), 'producer', 'roles')).toThrow(exceeds);
  });

  it('lets custom roles, services and producers grant none of them', () => {
    for (const role of ['promoter', 'producer', 'service:scheduler']) {
      expect(() => checkGrantsShippedRole(granter(role), 'viewer', 'roles')).toThrow(exceeds);
    }
  });

  it('never makes a key a service', () => {
    expect(() => checkGrantsShippedRole(granter('operator'), 'service', 'api_key.roles[0]')).toThrow(InvalidArgument);
  });
});

describe('checkGrantsPermissions', () => {
  it('names what the granter lacks', () => {
    expect(() => checkGrantsPermissions(granter('viewer'), ['models.models.get', 'models.models.delete'])).toThrow(
      expect.objectContaining({ metadata: { permissions: 'models.models.delete' } }),
    );
    expect(() => checkGrantsPermissions(granter('viewer'), ['models.models.get'])).not.toThrow();
  });
});

describe('checkRoleFitsTenant', () => {
  it('keeps operators on the platform', () => {
    expect(() => checkRoleFitsTenant('operator', false, 'roles')).toThrow(InvalidArgument);
    expect(() => checkRoleFitsTenant('operator', true, 'roles')).not.toThrow();
    expect(() => checkRoleFitsTenant('admin', false, 'roles')).not.toThrow();
  });
});
