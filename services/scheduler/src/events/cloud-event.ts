import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { scheduleEvents, workflowEvents, workflows } from '@q2/contracts';
import { isPlatformType } from '../triggers/trigger-check.js';

/** What is known of an event from the bus, its data read. */
export interface BusEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly key: string;
  readonly tenant: string;
  readonly time: Date;
  readonly data: JsonObject;
}

/** An event as triggers see it. */
export interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly time: Date;
  /** The attributes and data, as expressions see them: `event`. */
  readonly variables: JsonObject;
  /** How many firings lead to it, as far as it says so itself. */
  readonly hops: number;
  /** The execution that it is about, which a firing may have started. */
  readonly execution: string | undefined;
  /** The trigger that it is about; it never fires on its own doing. */
  readonly trigger: string | undefined;
}

/** An end of an execution, as dependency triggers see it. */
export interface ExecutionEnd {
  readonly execution: string;
  /** The workflow without its version. */
  readonly workflow: string;
  readonly state: 'COMPLETED' | 'FAILED' | 'CANCELLED';
}

const ends: ReadonlyMap<string, ExecutionEnd['state']> = new Map([
  [workflowEvents.ExecutionCompletedSchema.typeName, 'COMPLETED'],
  [workflowEvents.ExecutionFailedSchema.typeName, 'FAILED'],
  [workflowEvents.ExecutionCancelledSchema.typeName, 'CANCELLED'],
]);

/** Reads an event of the bus: one that tells of an emitted event is that event. Nobody can pass off his own as the platform's. */
export function toCloudEvent(event: BusEvent): CloudEvent {
  const { data, tenant } = event;
  const execution = textOf(data['execution']);
  const isEmitted = event.type === scheduleEvents.EventEmittedSchema.typeName || event.type === workflowEvents.EventEmittedSchema.typeName;
  const inner = isEmitted && !isPlatformType(textOf(data['type']) ?? '') ? emitted(event) : event;
  const { id, type, source, subject, time } = { subject: event.key, ...inner };
  const variables = { id, type, source, subject, tenant, time: time.toISOString(), data: inner.data };
  const hops = typeof data['hops'] === 'number' ? data['hops'] : 0;
  return { id, type, time, variables, hops: isTriggerFired(event) ? hops + 1 : hops, execution, trigger: textOf(data['trigger']) };
}

/** The event that an `EventEmitted`, of the scheduler or of a workflow's step, tells of. */
function emitted(event: BusEvent): BusEvent & { subject: string } {
  const { data } = event;
  return {
    ...event,
    id: textOf(data['eventId']) ?? event.id,
    type: textOf(data['type']) ?? event.type,
    source: textOf(data['source']) ?? textOf(data['execution']) ?? event.source,
    subject: textOf(data['subject']) ?? '',
    time: new Date(textOf(data['time']) ?? textOf(data['emitTime']) ?? event.time),
    data: isObject(data['data']) ? data['data'] : {},
  };
}

function isTriggerFired(event: BusEvent): boolean {
  return event.type === scheduleEvents.TriggerFiredSchema.typeName;
}

/** The end of an execution that an event tells of; undefined for all other events. */
export function toExecutionEnd(event: BusEvent): ExecutionEnd | undefined {
  const state = ends.get(event.type);
  const execution = textOf(event.data['execution']);
  const version = textOf(event.data['workflow']);
  if (state === undefined || execution === undefined || version === undefined) return undefined;
  return { execution, workflow: workflowOf(version), state };
}

function workflowOf(name: string): string {
  return workflows.workflowVersionName.matches(name) ? workflows.workflowName.format(workflows.workflowVersionName.parse(name)) : name;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
