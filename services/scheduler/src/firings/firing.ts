import { createHash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { schedules, workflows } from '@q2/contracts';
import { DomainError, FailedPrecondition } from '@q2/errors';
import { renderTemplate, type JsonValue } from '@q2/expressions';
import { copyJson } from '../json.js';
import { hopsMax, isUsedUp, type FiringAction, type Trigger } from '../triggers/trigger.js';

const subjectLengthMax = 200;
/** The bounds of StartExecution's input and of an emitted event's data. */
const inputBytesMax = 262_144;
const dataBytesMax = 65_536;

/** Why a trigger is to fire, before any policy has its say. */
export interface Cause {
  /** What is unique to it within the trigger. */
  readonly key: string;
  readonly nominalAt: Date;
  readonly hops: number;
  /** The event, as expressions see it; undefined where time or a caller is the cause. */
  readonly event?: JsonObject;
}

/** A firing as it is recorded first. */
export interface NewFiring {
  readonly trigger: Trigger;
  readonly key: string;
  readonly id: string;
  readonly nominalAt: Date;
  readonly state: 'PENDING' | 'SKIPPED' | 'FAILED';
  readonly reason: string;
  readonly detail: string;
  readonly action: FiringAction | undefined;
  readonly execution: string | undefined;
  readonly causeEventId: string | undefined;
  readonly hops: number;
}

/** The key of a firing at a time of a schedule: the time in ISO 8601's basic form. */
export function timeKey(nominalMs: number): string {
  return new Date(nominalMs).toISOString().replace(/[-:]|\.000/gu, '');
}

/** The key of a firing caused by an event; ids from outside that cannot stand in a name are replaced by their hash. */
export function eventKey(eventId: string): string {
  const isSafe = /^[A-Za-z0-9._~-]{1,200}$/u.test(eventId);
  return `event-${isSafe ? eventId : createHash('sha256').update(eventId).digest('hex')}`;
}

/** The id of a firing, a UUIDv8 made of what the firing is unique by: whoever acts on it acts under the same id. */
export function firingId(triggerUid: string, key: string): string {
  const hash = createHash('sha256').update(`${triggerUid}/${key}`).digest();
  hash.writeUInt8(0x80 | (hash.readUInt8(6) & 0x0f), 6);
  hash.writeUInt8(0x80 | (hash.readUInt8(8) & 0x3f), 8);
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/**
 * What becomes of causes to fire, in order: nothing once the trigger is used up; otherwise a firing that is to be started,
 * or one that the overlap policy or the limit on chains lets pass, or one whose templates could not be filled in.
 *
 * @param isBusy whether an earlier firing's execution runs or is about to
 */
export function decideFirings(trigger: Trigger, causes: readonly Cause[], isBusy: boolean): NewFiring[] {
  const firings: NewFiring[] = [];
  let runCount = trigger.runCount;
  let busy = isBusy;
  for (const cause of causes) {
    if (isUsedUp({ spec: trigger.spec, runCount })) break;
    const firing = decideFiring(trigger, cause, busy);
    if (firing.state !== 'SKIPPED') runCount += 1;
    if (firing.state === 'PENDING') busy = true;
    firings.push(firing);
  }
  return firings;
}

function decideFiring(trigger: Trigger, cause: Cause, isBusy: boolean): NewFiring {
  const { key, nominalAt, hops } = cause;
  const id = firingId(trigger.uid, key);
  const causeEventId = typeof cause.event?.['id'] === 'string' ? cause.event['id'] : undefined;
  const none = { action: undefined, execution: undefined };
  const firing = { trigger, key, id, nominalAt, hops, causeEventId };
  if (hops >= hopsMax) {
    return {
      ...firing,
      ...none,
      state: 'SKIPPED',
      reason: 'TOO_MANY_HOPS',
      detail: `${hops} firings lead here, each causing the next; at most ${hopsMax} may`,
    };
  }
  if (isBusy && trigger.spec.overlapPolicy === schedules.OverlapPolicy.SKIP) {
    return {
      ...firing,
      ...none,
      state: 'SKIPPED',
      reason: 'OVERLAP',
      detail: 'an execution that the trigger started earlier has not ended',
    };
  }
  try {
    const action = storable(renderAction(trigger, cause, id));
    const execution = action.kind === 'start-workflow' ? executionOf(trigger.tenant, id) : undefined;
    return { ...firing, action, execution, state: 'PENDING', reason: '', detail: '' };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { ...firing, ...none, state: 'FAILED', reason: error.reason, detail: error.message };
  }
}

/** The execution that a firing starts. Known beforehand, so its end is understood however early it is heard of. */
function executionOf(tenant: string, id: string): string {
  return workflows.executionName.format({ tenant, execution: `firing-${id}` });
}

function renderAction(trigger: Trigger, cause: Cause, id: string): FiringAction {
  const { action } = trigger.spec;
  const variables = templateVariables(trigger, cause, id);
  const render = (template: JsonObject = {}): JsonObject =>
    Object.fromEntries(Object.entries(template).map(([key, value]) => [key, copyJson(renderTemplate(value, variables))]));
  switch (action.case) {
    case 'startWorkflow':
      return { kind: 'start-workflow', workflow: action.value.workflow, input: render(action.value.input) };
    case 'emitEvent': {
      const { eventType, subject, data } = action.value;
      return { kind: 'emit-event', type: eventType, subject: asText(renderTemplate(subject, variables)), data: render(data) };
    }
    default:
      throw new FailedPrecondition('ACTION_MISSING', `trigger ${trigger.id} has no action`, { trigger: trigger.id });
  }
}

/** @throws {FailedPrecondition} where what the templates gave is too large, or holds what the database cannot */
function storable(action: FiringAction): FiringAction {
  const maxBytes = action.kind === 'start-workflow' ? inputBytesMax : dataBytesMax;
  const json = JSON.stringify(action.kind === 'start-workflow' ? action.input : action.data);
  const jsonBytes = Buffer.byteLength(json);
  if (jsonBytes > maxBytes)
    throw new FailedPrecondition('TEMPLATE_TOO_LARGE', `the templates gave ${jsonBytes} bytes of JSON, at most ${maxBytes} may be`);
  if (!JSON.stringify(action).includes('\\u0000')) return action;
  throw new FailedPrecondition('TEMPLATE_HOLDS_NUL', 'the templates gave text with a NUL character, which cannot be kept');
}

/** What templates see. `event` is there only where an event is the cause. */
function templateVariables(trigger: Trigger, { key, nominalAt, hops, event }: Cause, id: string): JsonObject {
  const { tenant, id: triggerId } = trigger;
  return {
    trigger: { id: triggerId, name: schedules.triggerName.format({ tenant, trigger: triggerId }) },
    firing: { id, name: schedules.firingName.format({ tenant, trigger: triggerId, firing: key }), time: nominalAt.toISOString(), hops },
    ...(event && { event }),
  };
}

function asText(value: JsonValue): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, subjectLengthMax);
}
