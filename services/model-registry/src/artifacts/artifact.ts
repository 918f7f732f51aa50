import { models } from '@q2/contracts';
import { AlreadyExists, NotFound } from '@q2/errors';
import type { StoredObject } from '@q2/object-storage';
import type { VersionKey } from '../versions/version.js';

/** What tells a file of a version apart. */
export interface ArtifactKey extends VersionKey {
  readonly artifact: string;
}

/** A file of a version. */
export interface Artifact extends StoredObject {
  readonly fileName: string;
  readonly creator: string;
  readonly createdAt: Date;
}

/** What is said where a version has no such file. */
export function artifactNotFound(key: ArtifactKey): NotFound {
  const artifact = models.artifactName.format(key);
  return new NotFound('ARTIFACT_NOT_FOUND', `${artifact} does not exist`, { artifact });
}

/**
 * Lets an upload be repeated: what is there must be what was sent.
 *
 * @throws {AlreadyExists} ARTIFACT_EXISTS
 */
export function mustBeSame(key: ArtifactKey, present: StoredObject, sent: StoredObject): void {
  if (present.sha256 === sent.sha256) return;
  const artifact = models.artifactName.format(key);
  const message = `${artifact} exists with other content (SHA-256 ${present.sha256}, sent ${sent.sha256}); contents never change: use another name or version`;
  throw new AlreadyExists('ARTIFACT_EXISTS', message, { artifact, sha256: present.sha256 });
}
