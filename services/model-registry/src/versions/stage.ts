import { FailedPrecondition, InvalidArgument } from '@q2/errors';

/** Where a version stands. */
export type Stage = 'DRAFT' | 'STAGING' | 'PRODUCTION' | 'ARCHIVED';

/** What a promotion comes to: a move, or nothing where the version stands there already. */
export type Transition = 'move' | 'nothing';

/**
 * Decides a promotion. A draft may go straight to production, as the gates are the same on either way, and an archived version
 * may come back. Production is left by another version's promotion or by a rollback only, so a model that serves never
 * stops serving by a slip.
 *
 * @throws {InvalidArgument} for DRAFT, which a version cannot return to
 * @throws {FailedPrecondition} VERSION_SERVING
 */
export function decideTransition(version: string, from: Stage, to: Stage): Transition {
  if (to === 'DRAFT') throw InvalidArgument.field('stage', 'must be STAGING, PRODUCTION or ARCHIVED, got DRAFT');
  if (from === to) return 'nothing';
  if (from !== 'PRODUCTION') return 'move';
  const message = `${version} is in production and cannot go to ${to}; promote another version or roll back instead`;
  throw new FailedPrecondition('VERSION_SERVING', message, { version, to });
}

/**
 * Guards what is fixed once a version has left DRAFT.
 *
 * @throws {FailedPrecondition} VERSION_FIXED
 */
export function mustBeDraft(version: string, stage: Stage, what: string): void {
  if (stage === 'DRAFT') return;
  throw new FailedPrecondition('VERSION_FIXED', `${version} is in ${stage}: its ${what} cannot change any more; create a new version`, {
    version,
    stage,
  });
}
