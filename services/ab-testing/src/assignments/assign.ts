import type { JsonObject } from '@bufbuild/protobuf';
import type { Splitter } from '@q2/bucketing';
import { experiments } from '@q2/contracts';
import { FailedPrecondition } from '@q2/errors';
import { evaluateCondition } from '@q2/expressions';
import { CONDITION_VARIABLE, controlOf, type Experiment, type Variant } from '../experiments/experiment.js';

const { AssignmentReason, State } = experiments;

/** A unit and what is known of it. */
export interface UnitToAssign {
  readonly unitId: string;
  readonly attributes?: JsonObject | undefined;
}

/** The variant a unit sees, and why. */
export interface Assigned {
  readonly variant: Variant;
  readonly reason: experiments.AssignmentReason;
}

/**
 * Decides which variant a unit sees. The same experiment and unit give the same answer, always.
 *
 * @param split the experiment's splitter, prepared once for many units
 */
export function assign(experiment: Experiment, split: Splitter, unit: UnitToAssign): Assigned {
  const control = controlOf(experiment);
  if (experiment.state === State.COMPLETED || experiment.state === State.ROLLED_BACK) {
    const winner = experiment.variants.find(({ id }) => id === experiment.winnerVariant);
    return { variant: winner ?? control, reason: AssignmentReason.ENDED };
  }
  if (experiment.state !== State.RUNNING) return { variant: control, reason: AssignmentReason.NOT_RUNNING };
  if (!isTargeted(experiment.condition, unit)) return { variant: control, reason: AssignmentReason.NOT_TARGETED };
  const variant = experiment.variants[split(unit.unitId)];
  return variant ? { variant, reason: AssignmentReason.SPLIT } : { variant: control, reason: AssignmentReason.NOT_ALLOCATED };
}

/** A unit whose attributes don't let the condition be evaluated is not targeted. */
function isTargeted(condition: string, { attributes = {} }: UnitToAssign): boolean {
  if (condition === '') return true;
  try {
    return evaluateCondition(condition, { [CONDITION_VARIABLE]: attributes });
  } catch (error) {
    if (error instanceof FailedPrecondition) return false;
    throw error;
  }
}
