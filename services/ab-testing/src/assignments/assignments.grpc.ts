import { Inject, Injectable } from '@nestjs/common';
import { experiments } from '@q2/contracts';
import type { ServiceImpl } from '@q2/service-kit';
import { keyOf } from '../experiments/experiment-key.js';
import type { Assigned } from './assign.js';
import { AssignmentsService } from './assignments.service.js';

const { AssignmentReason } = experiments;

/** Serves AssignmentService. */
@Injectable()
export class AssignmentsGrpc implements ServiceImpl<typeof experiments.AssignmentService> {
  constructor(@Inject(AssignmentsService) private readonly assignments: AssignmentsService) {}

  async assignVariant({ name, unitId, attributes }: experiments.AssignVariantRequest) {
    const assigned = await this.assignments.assign(keyOf(name), [{ unitId, attributes }]);
    return { ...assigned.map(assignmentOf)[0], unitId };
  }

  async batchAssign({ name, units }: experiments.BatchAssignRequest) {
    const assigned = await this.assignments.assign(keyOf(name), units);
    return { assignments: assigned.map((one, index) => ({ ...assignmentOf(one), unitId: units[index]?.unitId ?? '' })) };
  }
}

function assignmentOf({ variant, reason }: Assigned) {
  return { variant: variant.id, inExperiment: reason === AssignmentReason.SPLIT, reason, content: variant.content };
}
