import { schedules } from '@q2/contracts';
import { DomainError } from '@q2/errors';
import { evaluateCondition, type JsonObject } from '@q2/expressions';
import { isUsedUp, isWithinBounds, type Trigger } from '../triggers/trigger.js';
import type { CloudEvent, ExecutionEnd } from './cloud-event.js';
import { isAnyEnough, isAwaited } from './dependency.js';

/** What happened, and when it is judged. */
export interface Happening {
  readonly event: CloudEvent;
  readonly end: ExecutionEnd | undefined;
  readonly now: Date;
}

/** Whether an event fires a trigger, counts towards its firing, or means nothing to it. */
export function matchOf(trigger: Trigger, { event, end, now }: Happening): 'fires' | 'counts' | undefined {
  const { condition } = trigger.spec;
  if (trigger.isPaused || isUsedUp(trigger) || !isWithinBounds(trigger.spec, now) || isOwnDoing(trigger, event)) return undefined;
  if (condition.case === 'event') {
    return condition.value.eventTypes.includes(event.type) && passes(condition.value.filter, event.variables) ? 'fires' : undefined;
  }
  if (condition.case !== 'dependency' || end === undefined || !isAwaited(condition.value, end)) return undefined;
  return isAnyEnough(condition.value) ? 'fires' : 'counts';
}

function isOwnDoing({ tenant, id }: Trigger, event: CloudEvent): boolean {
  return event.trigger === schedules.triggerName.format({ tenant, trigger: id });
}

/** A filter that cannot be evaluated, such as one that reads a field the event lacks, is not passed. */
function passes(filter: string, event: JsonObject): boolean {
  try {
    return filter === '' || evaluateCondition(filter, { event });
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}
