import { durationMs, timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import type { JsonObject } from '@bufbuild/protobuf';
import { schedules } from '@q2/contracts';
import { cronSchedule, type GapPolicy, type RepeatPolicy } from '../times/cron.js';
import { boundedSchedule, intervalSchedule, noSchedule, onceSchedule, type Schedule } from '../times/schedule.js';

/** A trigger as it is kept. `spec` holds what callers set and nothing else. */
export interface Trigger {
  readonly tenant: string;
  /** Tells a trigger from an earlier one of the same id. */
  readonly uid: string;
  readonly id: string;
  readonly spec: schedules.Trigger;
  readonly isPaused: boolean;
  readonly nextFireAt: Date | undefined;
  readonly lastFireAt: Date | undefined;
  readonly runCount: number;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a firing does, with its templates filled in. */
export type FiringAction =
  | { readonly kind: 'start-workflow'; readonly workflow: string; readonly input: JsonObject }
  | { readonly kind: 'emit-event'; readonly type: string; readonly subject: string; readonly data: JsonObject };

const { GapPolicy: Gap, RepeatPolicy: Repeat, TriggerState } = schedules;
const dayMs = 86_400_000;
const defaultStartAttempts = 10;

/** Triggers that this many firings lead to fire no more: they cause each other. */
export const hopsMax = 16;

/** How late a missed time may still be run. */
export function catchUpWindowMs(spec: schedules.Trigger): number {
  return spec.catchUpWindow ? durationMs(spec.catchUpWindow) : dayMs;
}

/** How far apart the ends may lie that fire a dependency trigger together. */
export function dependencyWindowMs(condition: schedules.DependencyCondition): number {
  return condition.window ? durationMs(condition.window) : dayMs;
}

/** Attempts to start before a firing fails. */
export function startAttemptsMax(spec: schedules.Trigger): number {
  return spec.maxStartAttempts === 0 ? defaultStartAttempts : spec.maxStartAttempts;
}

/**
 * The times at which a trigger fires, within its start and end; none where events decide.
 *
 * @param createdAt the anchor of intervals that name none
 * @throws {InvalidArgument} where a cron expression cannot be read
 */
export function scheduleOf(spec: schedules.Trigger, createdAt: Date): Schedule {
  const startMs = spec.startTime ? timestampMs(spec.startTime) : Number.NEGATIVE_INFINITY;
  const endMs = spec.endTime ? timestampMs(spec.endTime) : Number.POSITIVE_INFINITY;
  return boundedSchedule(unboundedSchedule(spec, createdAt), startMs, endMs);
}

function unboundedSchedule({ condition }: schedules.Trigger, createdAt: Date): Schedule {
  switch (condition.case) {
    case 'cron':
      return cronSchedule({
        expression: condition.value.expression,
        timeZone: condition.value.timeZone === '' ? 'UTC' : condition.value.timeZone,
        gap: gapPolicies[condition.value.gapPolicy],
        repeat: repeatPolicies[condition.value.repeatPolicy],
      });
    case 'interval': {
      const { anchorTime, every } = condition.value;
      return intervalSchedule(anchorTime ? timestampMs(anchorTime) : createdAt.getTime(), every ? durationMs(every) : dayMs);
    }
    case 'once':
      return condition.value.time ? onceSchedule(timestampMs(condition.value.time)) : noSchedule;
    default:
      return noSchedule;
  }
}

const gapPolicies: Readonly<Record<schedules.GapPolicy, GapPolicy>> = {
  [Gap.UNSPECIFIED]: 'next',
  [Gap.SKIP]: 'skip',
  [Gap.NEXT]: 'next',
  [Gap.SHIFT]: 'shift',
};

const repeatPolicies: Readonly<Record<schedules.RepeatPolicy, RepeatPolicy>> = {
  [Repeat.UNSPECIFIED]: 'first',
  [Repeat.FIRST]: 'first',
  [Repeat.LAST]: 'last',
  [Repeat.BOTH]: 'both',
};

/** Whether time decides when a trigger fires. */
export function firesByTime(spec: schedules.Trigger): boolean {
  const kind = spec.condition.case;
  return kind === 'cron' || kind === 'interval' || kind === 'once';
}

/** What a trigger waits to hear of: types of events, or names of workflows whose executions end. */
export function listensTo({ condition }: schedules.Trigger): string[] {
  if (condition.case === 'event') return [...new Set(condition.value.eventTypes)];
  if (condition.case === 'dependency') return condition.value.workflows.map(({ workflow }) => workflow);
  return [];
}

/** Whether a trigger has made all the firings that it may. */
export function isUsedUp({ spec, runCount }: Pick<Trigger, 'spec' | 'runCount'>): boolean {
  return spec.maxRuns > 0 && runCount >= spec.maxRuns;
}

/** Whether `now` lies between a trigger's start and end. */
export function isWithinBounds({ startTime, endTime }: schedules.Trigger, now: Date): boolean {
  return (!startTime || timestampDate(startTime) <= now) && (!endTime || now < timestampDate(endTime));
}

/** Whether a trigger fires at present. */
export function triggerState(trigger: Pick<Trigger, 'spec' | 'runCount' | 'isPaused' | 'nextFireAt'>, now: Date): schedules.TriggerState {
  const { spec } = trigger;
  const isOver = firesByTime(spec) ? trigger.nextFireAt === undefined : spec.endTime !== undefined && timestampDate(spec.endTime) <= now;
  if (isUsedUp(trigger) || (isOver && !trigger.isPaused)) return TriggerState.FINISHED;
  return trigger.isPaused ? TriggerState.PAUSED : TriggerState.ACTIVE;
}
