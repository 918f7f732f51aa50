import { Aborted } from '@q2/errors';

/** The etag of a resource's revision (AIP-154). */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * Refuses a change made on the ground of an older reading. An empty etag asks for no check.
 *
 * @throws {Aborted} ETAG_STALE
 */
export function checkEtag(given: string, revision: number, name: string): void {
  if (given === '' || given === etagOf(revision)) return;
  const etag = etagOf(revision);
  throw new Aborted('ETAG_STALE', `${name} has changed: its etag is ${etag}, not ${given}; read it again and repeat`, { name, etag });
}
