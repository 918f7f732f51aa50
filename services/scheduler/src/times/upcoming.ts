import type { Schedule } from './schedule.js';

/** A schedule with a name, and how many of its times may still be used. */
export interface Coming {
  readonly name: string;
  readonly schedule: Schedule;
  readonly left: number;
}

/** A time of one of several schedules. */
export interface ComingTime {
  readonly name: string;
  readonly ms: number;
}

/** The next `count` times after an instant of several schedules together, in order; no more of each than it has left. */
export function mergeUpcoming(coming: readonly Coming[], afterMs: number, count: number): ComingTime[] {
  const heads = coming.map((one) => ({ ...one, next: one.left > 0 ? one.schedule.nextAfter(afterMs) : undefined }));
  const times: ComingTime[] = [];
  while (times.length < count) {
    const [first] = heads.filter(({ next }) => next !== undefined).sort((a, b) => Number(a.next) - Number(b.next));
    if (first?.next === undefined) break;
    times.push({ name: first.name, ms: first.next });
    first.left -= 1;
    first.next = first.left > 0 ? first.schedule.nextAfter(first.next) : undefined;
  }
  return times;
}
