import { FailedPrecondition } from '@q2/errors';
import type { Assignment } from './assignment.js';

type Move = Pick<Assignment, 'toVersion' | 'cause'>;

/** What a rollback is asked to do. */
export interface RollbackRequest {
  /** Full name of the model, for messages. */
  readonly model: string;
  /** Version to return to; the one that served before when omitted. */
  readonly target?: string | undefined;
  /** Version that must be the one serving now; any when omitted. */
  readonly expected?: string | undefined;
}

/**
 * Picks the version that a production rollback returns to. Without a target that is the version before, where a rollback
 * undoes what it left: after promotions of 1.0, 1.1 and 1.2 two rollbacks lead to 1.1 and then to 1.0, not back to 1.2.
 *
 * @param history moves of `production`, oldest first
 * @throws {FailedPrecondition} NOTHING_IN_PRODUCTION, PRODUCTION_HAS_CHANGED, NO_EARLIER_VERSION, TARGET_NEVER_SERVED or TARGET_ALREADY_SERVES
 */
export function rollbackTarget(history: readonly Move[], request: RollbackRequest): string {
  const { model, target, expected } = request;
  const serving = history.at(-1)?.toVersion;
  if (serving === undefined) throw new FailedPrecondition('NOTHING_IN_PRODUCTION', `${model} has no version in production`, { model });
  if (expected !== undefined && expected !== serving) {
    const message = `${model} has ${serving} in production by now, not ${expected}`;
    throw new FailedPrecondition('PRODUCTION_HAS_CHANGED', message, { model, serving, expected });
  }
  return target === undefined ? versionBefore(history, { model, serving }) : namedTarget(history, { model, serving, target });
}

function versionBefore(history: readonly Move[], { model, serving }: { model: string; serving: string }): string {
  const before = history.reduce(follow, []).at(-2);
  if (before !== undefined) return before;
  throw new FailedPrecondition('NO_EARLIER_VERSION', `${model} has nothing in production before ${serving} to roll back to`, {
    model,
    serving,
  });
}

function namedTarget(history: readonly Move[], named: { model: string; serving: string; target: string }): string {
  const { model, serving, target } = named;
  if (target === serving)
    throw new FailedPrecondition('TARGET_ALREADY_SERVES', `${model} has ${target} in production already`, { model, target });
  if (history.some(({ toVersion }) => toVersion === target)) return target;
  throw new FailedPrecondition('TARGET_NEVER_SERVED', `${target} of ${model} was never in production; promote it instead`, {
    model,
    target,
  });
}

/** Keeps the versions that one rollback after another would return to, the one serving last. */
function follow(serving: readonly string[], move: Move): string[] {
  const known = move.cause === 'ROLLBACK' ? serving.lastIndexOf(move.toVersion) : -1;
  return known >= 0 ? serving.slice(0, known + 1) : [...serving, move.toVersion];
}
