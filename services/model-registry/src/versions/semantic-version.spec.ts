import fc from 'fast-check';
import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import semver from 'semver';
import { highestInRange, precedenceKey } from './semantic-version.js';

const number = fc.oneof(fc.nat(20), fc.maxSafeNat());
const identifier = fc.oneof(number.map(String), fc.stringMatching(/^[a-z-][0-9a-z-]{0,5}$/));
const prerelease = fc.array(identifier, { maxLength: 3 }).map((parts) => (parts.length === 0 ? '' : `-${parts.join('.')}`));
const build = fc.constantFrom('', '+a', '+b.1');
const versions = fc.tuple(number, number, number, prerelease, build).map(([a, b, c, pre, meta]) => `${a}.${b}.${c}${pre}${meta}`);

describe('precedenceKey', () => {
  it('sorts as semantic versions do', () => {
    fc.assert(
      fc.property(versions, versions, (one, other) => {
        const [key, otherKey] = [precedenceKey(one), precedenceKey(other)];
        expect(Math.sign(Buffer.compare(Buffer.from(key), Buffer.from(otherKey)))).toBe(semver.compare(one, other));
      }),
      { numRuns: 2000 },
    );
  });

  it('puts the examples of the specification in order', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ];
    expect([...ordered].sort((one, other) => (precedenceKey(one) < precedenceKey(other) ? -1 : 1))).toEqual(ordered);
  });

  it.each(['1.0', 'latest', '9007199254740993.0.0'])('refuses %s', (version) => {
    expect(() => precedenceKey(version)).toThrow(InvalidArgument);
  });
});

describe('highestInRange', () => {
  it('picks the highest that the range allows', () => {
    expect(highestInRange(['1.0.0', '1.9.0', '1.10.0', '2.0.0'], '^1.0')).toBe('1.10.0');
  });

  it('passes over pre-releases that the range does not name', () => {
    expect(highestInRange(['1.0.0', '1.1.0-rc.1'], '^1.0')).toBe('1.0.0');
    expect(highestInRange(['1.0.0', '1.1.0-rc.1'], '^1.1.0-rc.0')).toBe('1.1.0-rc.1');
  });

  it('refuses where nothing lies in the range', () => {
    expect(() => highestInRange(['2.0.0'], '^1.0')).toThrow(FailedPrecondition);
  });

  it.each(['', 'newest'])("refuses '%s' as a range", (range) => {
    expect(() => highestInRange(['1.0.0'], range)).toThrow(InvalidArgument);
  });
});
