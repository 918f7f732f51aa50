import type { JsonObject } from '@bufbuild/protobuf';
import { models } from '@q2/contracts';
import { NotFound } from '@q2/errors';
import type { ModelKey } from '../models/model.js';
import type { Stage } from './stage.js';

/** What tells a version apart. */
export interface VersionKey extends ModelKey {
  readonly version: string;
}

/** What a caller decides about a version. */
export interface VersionFields {
  readonly metadata: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
}

/** One version of a model. */
export interface Version extends VersionKey, VersionFields {
  readonly precedence: string;
  readonly stage: Stage;
  readonly artifactCount: number;
  readonly artifactBytes: number;
  readonly creator: string;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What is said where a version does not exist. */
export function versionNotFound(key: VersionKey): NotFound {
  const version = models.versionName.format(key);
  return new NotFound('VERSION_NOT_FOUND', `${version} does not exist`, { version });
}

/** What is said where an alias does not exist. */
export function aliasNotFound(key: ModelKey & { readonly alias: string }): NotFound {
  const alias = models.aliasName.format(key);
  return new NotFound('ALIAS_NOT_FOUND', `${alias} does not exist`, { alias });
}
