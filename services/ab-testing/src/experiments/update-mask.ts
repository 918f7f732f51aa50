import { experiments } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { clone } from '@bufbuild/protobuf';
import { copyField, EDITABLE_FIELDS, type Experiment } from './experiment.js';

type MaskPath = keyof typeof EDITABLE_FIELDS;

function isEditable(path: string): path is MaskPath {
  return Object.hasOwn(EDITABLE_FIELDS, path);
}

/**
 * An experiment with some of its fields replaced.
 *
 * @param paths fields to replace, as the contract spells them; none means all that can be edited
 * @throws {InvalidArgument} naming `update_mask` where a path can't be edited
 */
export function applyUpdate(before: Experiment, given: Experiment, paths: readonly string[]): Experiment {
  const after = clone(experiments.ExperimentSchema, before);
  const chosen = paths.length === 0 ? Object.keys(EDITABLE_FIELDS) : paths;
  for (const path of chosen) {
    if (!isEditable(path)) {
      throw InvalidArgument.field('update_mask', `may name ${Object.keys(EDITABLE_FIELDS).join(', ')}, got '${path}'`);
    }
    copyField(given, after, EDITABLE_FIELDS[path]);
  }
  return after;
}
