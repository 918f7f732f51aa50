import { durationMs, timestampMs, type Duration } from '@bufbuild/protobuf/wkt';
import type { JsonValue } from '@bufbuild/protobuf';
import { InvalidArgument, type FieldViolation } from '@q2/errors';
import { eventRegistry, type schedules } from '@q2/contracts';
import { compileExpression, referencedVariables, templateExpressions } from '@q2/expressions';
import { scheduleOf } from './trigger.js';

const secondMs = 1000;
const dayMs = 86_400_000;

/**
 * Checks what the contract's bounds cannot say: expressions compile, durations lie within theirs, names are not given twice.
 *
 * @throws {InvalidArgument} naming each field that is not as it must be
 */
export function checkTrigger(spec: schedules.Trigger): void {
  const violations = [
    ...problemOf(() => scheduleOf(spec, new Date(0))),
    ...conditionProblems(spec),
    ...actionProblems(spec),
    ...durationProblems('trigger.catch_up_window', spec.catchUpWindow, 31 * dayMs),
    ...orderProblems(spec),
  ];
  if (violations.length > 0) throw new InvalidArgument(violations);
}

function conditionProblems({ condition }: schedules.Trigger): FieldViolation[] {
  switch (condition.case) {
    case 'interval':
      return durationProblems('trigger.interval.every', condition.value.every, 366 * dayMs);
    case 'event':
      return [
        ...condition.value.eventTypes.flatMap(unknownTypeProblems),
        ...(condition.value.filter === '' ? [] : expressionProblems('trigger.event.filter', condition.value.filter, ['event'])),
      ];
    case 'dependency': {
      const names = condition.value.workflows.map(({ workflow }) => workflow);
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      return [
        ...durationProblems('trigger.dependency.window', condition.value.window, 31 * dayMs),
        ...(twice === undefined ? [] : [{ field: 'trigger.dependency.workflows', description: `names ${twice} twice` }]),
      ];
    }
    case undefined:
      return [{ field: 'trigger.condition', description: 'one of cron, interval, once, event, dependency must be set' }];
    default:
      return [];
  }
}

function actionProblems({ action }: schedules.Trigger): FieldViolation[] {
  switch (action.case) {
    case 'startWorkflow':
      return templateProblems('trigger.start_workflow.input', action.value.input ?? {});
    case 'emitEvent':
      return [
        ...eventTypeProblems('trigger.emit_event.event_type', action.value.eventType),
        ...templateProblems('trigger.emit_event.subject', action.value.subject),
        ...templateProblems('trigger.emit_event.data', action.value.data ?? {}),
      ];
    default:
      return [{ field: 'trigger.action', description: 'one of start_workflow, emit_event must be set' }];
  }
}

/** A misspelt type of the platform would wait for ever; types from outside may come up at any time. */
function unknownTypeProblems(type: string, index: number): FieldViolation[] {
  if (!isPlatformType(type) || eventRegistry.getMessage(type) !== undefined) return [];
  return [{ field: `trigger.event.event_types[${index}]`, description: `'${type}' is none of the platform's event types` }];
}

/** The platform's own events cannot be told by anybody else. */
export function eventTypeProblems(field: string, type: string): FieldViolation[] {
  return isPlatformType(type) ? [{ field, description: `must not start with q2., which is the platform's own, got '${type}'` }] : [];
}

/** Whether events of a type come from the platform itself. */
export function isPlatformType(type: string): boolean {
  return type.toLowerCase().startsWith('q2.');
}

function templateProblems(field: string, template: JsonValue): FieldViolation[] {
  try {
    return templateExpressions(template).flatMap(({ path, source }) =>
      expressionProblems(`${field}${path}`, source, ['event', 'trigger', 'firing']),
    );
  } catch (error) {
    return violationsOf(error, field);
  }
}

function expressionProblems(field: string, source: string, known: readonly string[]): FieldViolation[] {
  try {
    compileExpression(source);
    const unknown = referencedVariables(source).filter((name) => !known.includes(name));
    return unknown.map((name) => ({ field, description: `'${name}' is unknown; expressions here see ${known.join(', ')}` }));
  } catch (error) {
    return violationsOf(error, field);
  }
}

function durationProblems(field: string, duration: Duration | undefined, maxMs: number): FieldViolation[] {
  if (duration === undefined) return [];
  const ms = durationMs(duration);
  if (ms >= secondMs && ms <= maxMs) return [];
  return [{ field, description: `must be from 1 second to ${maxMs / dayMs} days, got ${ms / secondMs} seconds` }];
}

function orderProblems({ startTime, endTime }: schedules.Trigger): FieldViolation[] {
  if (!startTime || !endTime || timestampMs(startTime) < timestampMs(endTime)) return [];
  return [{ field: 'trigger.end_time', description: 'must be later than start_time' }];
}

function problemOf(work: () => unknown): FieldViolation[] {
  try {
    work();
    return [];
  } catch (error) {
    return violationsOf(error);
  }
}

/** What a rule of another library found, under the name of our field. */
function violationsOf(error: unknown, field?: string): FieldViolation[] {
  if (!(error instanceof InvalidArgument)) throw error;
  return error.violations.map((violation) => ({ ...violation, field: field ?? violation.field }));
}
