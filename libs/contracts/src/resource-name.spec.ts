import fc from 'fast-check';
import { resourceName } from './index.js';

const version = resourceName('tenants/{tenant}/models/{model}/versions/{version}');

describe('resourceName', () => {
  it('reads what it writes', () => {
    const id = fc.stringMatching(/^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$/);
    fc.assert(
      fc.property(id, id, fc.constantFrom('1.0.0', '2.1.0-rc.1', '1.0.0+build.5'), (tenant, model, semver) => {
        const parts = { tenant, model, version: semver };
        expect({ ...version.parse(version.format(parts)) }).toEqual(parts);
      }),
    );
  });

  it.each([
    'tenants/acme/models/m',
    'tenants/ACME/models/m/versions/1',
    'tenants/a/models/../versions/1',
    'tenants/a/models/m/versions/1/x',
    '',
  ])('refuses %s, naming the field', (name) => {
    expect(version.matches(name)).toBe(false);
    expect(() => version.parse(name, 'parent')).toThrow(/^parent: must have the form tenants\/\{tenant\}\/models/);
  });
});
