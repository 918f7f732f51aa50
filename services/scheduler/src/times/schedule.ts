/** Times at which something is due, in milliseconds since 1970, whatever gives them. */
export interface Schedule {
  /** The first time after an instant; undefined where none is left. */
  nextAfter(instantMs: number): number | undefined;
}

/**
 * Times at equal distances from an anchor. No drift: each is a whole number of distances away from the anchor.
 *
 * @param everyMs distance, above 0
 */
export function intervalSchedule(anchorMs: number, everyMs: number): Schedule {
  return {
    nextAfter: (instantMs) => (instantMs < anchorMs ? anchorMs : anchorMs + (Math.floor((instantMs - anchorMs) / everyMs) + 1) * everyMs),
  };
}

/** One instant. */
export function onceSchedule(atMs: number): Schedule {
  return { nextAfter: (instantMs) => (instantMs < atMs ? atMs : undefined) };
}

/** No time ever: what fires is not decided by time. */
export const noSchedule: Schedule = { nextAfter: () => undefined };

/** The times of `schedule` in [startMs, endMs). */
export function boundedSchedule(schedule: Schedule, startMs: number, endMs: number): Schedule {
  return {
    nextAfter: (instantMs) => {
      const next = schedule.nextAfter(Math.max(instantMs, startMs - 1));
      return next !== undefined && next < endMs ? next : undefined;
    },
  };
}

/** The next `count` times after an instant, fewer where fewer are left. */
export function upcoming(schedule: Schedule, afterMs: number, count: number): number[] {
  const times: number[] = [];
  for (let next = schedule.nextAfter(afterMs); next !== undefined && times.length < count; next = schedule.nextAfter(next))
    times.push(next);
  return times;
}
