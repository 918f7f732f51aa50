import fc from 'fast-check';
import { InvalidArgument } from '@q2/errors';
import { objectFile } from './object-address.js';

const sha256 = 'ab'.repeat(32);

describe('objectFile', () => {
  it('lies below the folder of its tenant', () => {
    expect(objectFile('/data', 'acme', sha256)).toBe(`/data/acme/objects/ab/${sha256}`);
  });

  it('is below its tenant or refused, whatever tenant and hash are given', () => {
    const hostile = fc.oneof(fc.string(), fc.constantFrom('..', '../acme', '/etc', 'acme/../beta', 'a\0b', '.', '', 'Acme'));
    fc.assert(
      fc.property(hostile, fc.oneof(hostile, fc.constant(sha256)), (tenant, hash) => {
        try {
          expect(objectFile('/data', tenant, hash)).toBe(`/data/${tenant}/objects/${hash.slice(0, 2)}/${hash}`);
          expect(tenant).not.toMatch(/[./\0]/);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgument);
        }
      }),
    );
  });

  it('refuses a hash that is not one', () => {
    expect(() => objectFile('/data', 'acme', sha256.toUpperCase())).toThrow(InvalidArgument);
  });
});
