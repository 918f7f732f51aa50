import type { Schedule } from '../times/schedule.js';

/** Why times of a schedule passed without a firing. */
type MissedReason = 'OUTSIDE_CATCH_UP_WINDOW' | 'MISFIRE_POLICY';

/** Times that passed without a firing: from `firstMs` on, the last at or before `untilMs`. */
export interface MissedTimes {
  readonly firstMs: number;
  readonly untilMs: number;
  readonly reason: MissedReason;
}

export interface DueInput {
  readonly schedule: Schedule;
  /** The first time that nothing was done about. */
  readonly dueMs: number;
  readonly nowMs: number;
  readonly misfire: 'run-all' | 'run-one' | 'none';
  readonly catchUpWindowMs: number;
}

export interface DueDecision {
  readonly fireMs: readonly number[];
  readonly missed: readonly MissedTimes[];
  /** The first time that nothing is done about yet; at or before now where there is more than one decision takes. */
  readonly nextMs: number | undefined;
}

/** A time acted on no later than this is on time, whatever the misfire policy. */
export const graceMs = 30_000;

/** Times that one decision takes at most, so that a long outage of a busy schedule is worked off in bounded steps. */
export const timesPerDecision = 100;

/**
 * Decides about the times that have come. Those no later than {@link graceMs} fire. Of those missed, all fire, or none, or
 * (run-one) the latest alone, and not even that where one on time follows; none fires that is older than the catch-up window.
 */
export function decideDue(input: DueInput): DueDecision {
  const { schedule, dueMs, nowMs, catchUpWindowMs } = input;
  const oldestMs = nowMs - Math.max(catchUpWindowMs, graceMs);
  const firstMs = dueMs < oldestMs ? schedule.nextAfter(oldestMs - 1) : dueMs;
  const { times, nextMs } = takeTimes(schedule, firstMs, nowMs);
  const late = times.filter((time) => time < nowMs - graceMs);
  const onTime = times.slice(late.length);
  const isLast = onTime.length === 0 && (nextMs === undefined || nextMs > nowMs);
  const kept: readonly number[] = { 'run-all': late, 'run-one': isLast ? late.slice(-1) : [], none: [] }[input.misfire];
  const dropped = late.filter((time) => !kept.includes(time));
  const tooOld = dueMs < oldestMs ? [{ firstMs: dueMs, untilMs: oldestMs, reason: 'OUTSIDE_CATCH_UP_WINDOW' as const }] : [];
  return { fireMs: [...kept, ...onTime], missed: [...tooOld, ...missedOf(dropped)], nextMs };
}

function takeTimes(schedule: Schedule, firstMs: number | undefined, nowMs: number): { times: number[]; nextMs: number | undefined } {
  const times: number[] = [];
  let nextMs = firstMs;
  while (nextMs !== undefined && nextMs <= nowMs && times.length < timesPerDecision) {
    times.push(nextMs);
    nextMs = schedule.nextAfter(nextMs);
  }
  return { times, nextMs };
}

function missedOf(times: readonly number[]): MissedTimes[] {
  const [firstMs] = times;
  const untilMs = times.at(-1);
  return firstMs === undefined || untilMs === undefined ? [] : [{ firstMs, untilMs, reason: 'MISFIRE_POLICY' }];
}
