import { DomainError, isTransient } from '@q2/errors';
import { UnprocessableEvent } from '@q2/events';
import { withoutCredentials } from './redaction.js';

/** What cannot be explained is tried again for this long; then it is the record's fault, and no longer holds others up. */
const patienceMs = 5 * 60_000;

/**
 * What is to be done about an error: a refusal where the record is to blame, the error itself where trying again may help.
 * No refusal tells a credential.
 *
 * @param ageMs how long the record has been waiting
 */
export function toRefusal(error: unknown, ageMs: number): unknown {
  if (error instanceof UnprocessableEvent || (error instanceof DomainError && !isTransient(error)))
    return new UnprocessableEvent(error.reason, withoutCredentials(error.message));
  if (error instanceof DomainError || ageMs < patienceMs) return error;
  return new UnprocessableEvent('RECORD_UNREADABLE', 'the record makes the platform fail; its log tells more');
}
