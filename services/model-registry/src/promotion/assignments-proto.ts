import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { models } from '@q2/contracts';
import type { Assignment } from './assignment.js';

/** A move as the contract shows it. */
export function assignmentProto(model: string, move: Assignment) {
  return {
    model,
    sequence: BigInt(move.sequence),
    alias: move.alias,
    fromVersion: move.fromVersion ?? '',
    toVersion: move.toVersion,
    cause: models.AssignmentCause[move.cause],
    principal: move.principal,
    reason: move.reason,
    createTime: timestampFromDate(move.createdAt),
  };
}
