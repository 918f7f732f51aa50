import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { models } from '@q2/contracts';
import { etagOf } from '../requests/etag.js';
import type { Stage } from './stage.js';
import type { Version, VersionFields } from './version.js';

/** A version as the contract shows it. */
export function versionProto(version: Version): MessageInitShape<typeof models.VersionSchema> {
  return {
    name: models.versionName.format(version),
    stage: models.Stage[version.stage],
    metadata: version.metadata,
    labels: version.labels,
    artifactCount: version.artifactCount,
    artifactBytes: BigInt(version.artifactBytes),
    creator: version.creator,
    createTime: timestampFromDate(version.createdAt),
    updateTime: timestampFromDate(version.updatedAt),
    etag: etagOf(version.revision),
  };
}

/** What a caller decides about a version; empty where absent. */
export function versionFields(version: models.Version = create(models.VersionSchema)): VersionFields {
  return { metadata: version.metadata ?? {}, labels: version.labels };
}

/** The fields of a version that an update may name. */
export const changeableVersionFields = ['metadata', 'labels'] as const;

/** A stage that a caller asks for; undefined where none is. */
export function stageOf(stage: models.Stage): Stage | undefined {
  switch (stage) {
    case models.Stage.UNSPECIFIED:
      return undefined;
    case models.Stage.DRAFT:
      return 'DRAFT';
    case models.Stage.STAGING:
      return 'STAGING';
    case models.Stage.PRODUCTION:
      return 'PRODUCTION';
    case models.Stage.ARCHIVED:
      return 'ARCHIVED';
  }
}
