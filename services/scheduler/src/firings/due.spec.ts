import fc from 'fast-check';
import { cronSchedule } from '../times/cron.js';
import { intervalSchedule, onceSchedule, upcoming } from '../times/schedule.js';
import { decideDue, graceMs, timesPerDecision, type DueInput } from './due.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const hourly = intervalSchedule(0, hourMs);

function due(more: Partial<DueInput>) {
  return decideDue({ schedule: hourly, dueMs: hourMs, nowMs: hourMs, misfire: 'run-one', catchUpWindowMs: 24 * hourMs, ...more });
}

describe('decideDue', () => {
  it('fires a time that has come, and tells the next', () => {
    expect(due({})).toEqual({ fireMs: [hourMs], missed: [], nextMs: 2 * hourMs });
  });

  it('fires what is hardly late, whatever the policy', () => {
    expect(due({ misfire: 'none', nowMs: hourMs + graceMs }).fireMs).toEqual([hourMs]);
  });

  it('runs all that were missed, the latest alone, or none', () => {
    const nowMs = 4 * hourMs + minuteMs;
    expect(due({ nowMs, misfire: 'run-all' })).toMatchObject({ fireMs: [1, 2, 3, 4].map((hour) => hour * hourMs), missed: [] });
    expect(due({ nowMs, misfire: 'run-one' })).toMatchObject({
      fireMs: [4 * hourMs],
      missed: [{ firstMs: hourMs, untilMs: 3 * hourMs, reason: 'MISFIRE_POLICY' }],
    });
    expect(due({ nowMs, misfire: 'none' })).toEqual({
      fireMs: [],
      missed: [{ firstMs: hourMs, untilMs: 4 * hourMs, reason: 'MISFIRE_POLICY' }],
      nextMs: 5 * hourMs,
    });
  });

  it('makes up for nothing where a time on time follows', () => {
    expect(due({ nowMs: 3 * hourMs, misfire: 'run-one' }).fireMs).toEqual([3 * hourMs]);
  });

  it('leaves what is older than the catch-up window, the edge included in it', () => {
    const decision = due({ nowMs: 10 * hourMs, misfire: 'run-all', catchUpWindowMs: 2 * hourMs });
    expect(decision.fireMs).toEqual([8, 9, 10].map((hour) => hour * hourMs));
    expect(decision.missed).toEqual([{ firstMs: hourMs, untilMs: 8 * hourMs, reason: 'OUTSIDE_CATCH_UP_WINDOW' }]);
  });

  it('ends with the schedule', () => {
    expect(due({ schedule: onceSchedule(hourMs) })).toEqual({ fireMs: [hourMs], missed: [], nextMs: undefined });
    expect(due({ schedule: onceSchedule(hourMs), nowMs: 100 * hourMs })).toMatchObject({ fireMs: [], nextMs: undefined });
  });

  it('works a long outage off in bounded steps, and loses no time on the way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.constantFrom('run-all', 'run-one', 'none'), (minutes, misfire) => {
        const nowMs = minutes * minuteMs + graceMs + 1;
        const schedule = intervalSchedule(0, minuteMs);
        const fired: number[] = [];
        let steps = 0;
        for (let dueMs: number | undefined = 0; dueMs !== undefined && dueMs <= nowMs; steps += 1) {
          const decision = decideDue({ schedule, dueMs, nowMs, misfire, catchUpWindowMs: 24 * hourMs });
          fired.push(...decision.fireMs);
          dueMs = decision.nextMs;
        }
        const expected = { 'run-all': minutes + 1, 'run-one': 1, none: 0 }[misfire];
        expect(fired).toHaveLength(expected);
        expect(steps).toBe(Math.ceil((minutes + 1) / timesPerDecision));
      }),
    );
  });

  it('fires a year of a schedule, woken at odd moments, once at each of its times', () => {
    const schedule = cronSchedule({ expression: '30 2 * * *', timeZone: 'Europe/Berlin', gap: 'next', repeat: 'first' });
    const [startMs, endMs] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];
    const fired: number[] = [];
    let dueMs = schedule.nextAfter(startMs);
    for (let nowMs = startMs; nowMs < endMs; nowMs += 7 * hourMs + 13_001) {
      while (dueMs !== undefined && dueMs <= nowMs) {
        const decision = decideDue({ schedule, dueMs, nowMs, misfire: 'run-all', catchUpWindowMs: 24 * hourMs });
        fired.push(...decision.fireMs);
        dueMs = decision.nextMs;
      }
    }
    expect(fired).toHaveLength(365);
    expect(fired).toEqual(upcoming(schedule, startMs, 365));
  });
});
