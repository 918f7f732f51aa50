import { create, fromJsonString, toJsonString } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { experiments } from '@q2/contracts';
import type { ExperimentRow } from './experiment.entity.js';
import type { Experiment } from './experiment.js';

const { ExperimentSchema, State } = experiments;

/** A definition as it is stored. */
export function storedDefinition(definition: Experiment): string {
  return toJsonString(ExperimentSchema, definition);
}

/** Full name of a stored experiment. */
export function nameOf({ tenantId, id }: Pick<ExperimentRow, 'tenantId' | 'id'>): string {
  return experiments.experimentName.format({ tenant: tenantId, experiment: id });
}

/** A stored experiment as the contract shows it. */
export function experimentOf(row: ExperimentRow): Experiment {
  return create(ExperimentSchema, {
    ...fromJsonString(ExperimentSchema, row.definition),
    name: nameOf(row),
    state: State[row.state],
    winnerVariant: row.winnerVariant,
    etag: `${row.revision}`,
    createTime: timestampFromDate(row.createdAt),
    updateTime: timestampFromDate(row.updatedAt),
    ...(row.startedAt && { startTime: timestampFromDate(row.startedAt) }),
    ...(row.endedAt && { endTime: timestampFromDate(row.endedAt) }),
  });
}
