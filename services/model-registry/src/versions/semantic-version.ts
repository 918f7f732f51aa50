import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import semver from 'semver';

/** Digits of the largest number that a semantic version may hold in its three parts (2^53 - 1). */
const partDigits = 16;

/**
 * A text that sorts, byte by byte, as the version's precedence does (SemVer 2.0, section 11). Build metadata is not part
 * of it: `1.0.0+a` and `1.0.0+b` have the same.
 *
 * @throws {InvalidArgument} where `version` is not a semantic version
 */
export function precedenceKey(version: string): string {
  const parsed = semver.parse(version);
  if (parsed === null) throw InvalidArgument.field('version_id', `must be a semantic version whose parts are below 2^53, got '${version}'`);
  const parts = [parsed.major, parsed.minor, parsed.patch].map((part) => String(part).padStart(partDigits, '0')).join('.');
  // '~' sorts after everything a pre-release may hold: a release comes after its pre-releases.
  return parsed.prerelease.length === 0 ? `${parts}~` : `${parts} ${parsed.prerelease.map(identifierKey).join(' ')}`;
}

/** Numbers come before words and by value; words by their bytes. A space sorts before all they may hold. */
function identifierKey(identifier: string | number): string {
  return typeof identifier === 'number' ? `0${String(identifier).padStart(partDigits, '0')}` : `1${identifier}`;
}

/**
 * Picks the highest version of a range, such as `^1.0` or `>=2.1 <3`. Pre-releases match only where the range names one.
 *
 * @throws {InvalidArgument} where `range` is not one
 * @throws {FailedPrecondition} NO_VERSION_IN_RANGE
 */
export function highestInRange(versions: readonly string[], range: string): string {
  if (range === '' || semver.validRange(range) === null) {
    throw InvalidArgument.field('selector.range', `must be a range of semantic versions such as ^1.0, got '${range}'`);
  }
  const highest = semver.maxSatisfying(versions, range);
  if (highest !== null) return highest;
  throw new FailedPrecondition('NO_VERSION_IN_RANGE', `no version in STAGING or PRODUCTION lies in ${range}`, { range });
}
