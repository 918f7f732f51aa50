import type { CronRule } from './cron.js';

/*
 * A second implementation of cron for tests, independent of the first and as plain as can be: it walks through every minute
 * of a period, and through every minute that a wall calendar could show, and shares no code and no library with what it checks.
 */

const minuteMs = 60_000;
const quarterMs = 15 * minuteMs;

interface RealMinute {
  readonly instantMs: number;
  readonly wallMs: number;
}

/** Every minute of [startMs, endMs) with what a clock in the zone shows. Offsets change on quarters of an hour only. */
export function realMinutes(zone: string, startMs: number, endMs: number): RealMinute[] {
  const minutes: RealMinute[] = [];
  for (let quarter = startMs; quarter < endMs; quarter += quarterMs) {
    const shown = new Date(quarter).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T');
    const wallMs = Date.parse(`${shown}Z`);
    for (let more = 0; more < quarterMs; more += minuteMs) minutes.push({ instantMs: quarter + more, wallMs: wallMs + more });
  }
  return minutes;
}

/** All times of a five-field rule within `minutes`, but for walls that lie outside of them. */
export function bruteForceTimes(rule: CronRule, minutes: readonly RealMinute[]): number[] {
  const fields = rule.expression.split(' ');
  const matches = wallMatcher(fields);
  const real = minutes.filter(({ wallMs }) => matches(wallMs));
  if (fields.slice(0, 2).some((field) => field.startsWith('*'))) return real.map(({ instantMs }) => instantMs);
  const times = [...repeatsKept(real, rule), ...owed(rule, minutes, matches)];
  return [...new Set(times)].sort((a, b) => a - b);
}

function repeatsKept(real: readonly RealMinute[], rule: CronRule): number[] {
  const byWall = new Map<number, number[]>();
  for (const { wallMs, instantMs } of real) byWall.set(wallMs, [...(byWall.get(wallMs) ?? []), instantMs]);
  const kept = { first: 0, last: -1, both: undefined }[rule.repeat];
  return [...byWall.values()].flatMap((instants) => (kept === undefined ? instants : instants.slice(kept, kept === 0 ? 1 : undefined)));
}

function owed(rule: CronRule, minutes: readonly RealMinute[], matches: (wallMs: number) => boolean): number[] {
  const times: number[] = [];
  minutes.forEach((minute, index) => {
    const before = minutes[index - 1];
    if (before === undefined || rule.gap === 'skip') return;
    for (let wall = before.wallMs + minuteMs; wall < minute.wallMs; wall += minuteMs) {
      if (matches(wall)) times.push(rule.gap === 'next' ? minute.instantMs : wall - before.wallMs + before.instantMs);
    }
  });
  return times;
}

function wallMatcher(fields: readonly string[]): (wallMs: number) => boolean {
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  const both = [dayOfMonth, dayOfWeek].some((field) => field.startsWith('*') || field.startsWith('?'));
  const minuteOfDayHas = Array.from(
    { length: 1440 },
    (_, value) => fieldHas(minute, value % 60, 0, 59) && fieldHas(hour, Math.floor(value / 60), 0, 23),
  );
  const dayHas = (wall: Date): boolean => {
    const days = [dayOfMonthHas(dayOfMonth, wall), dayOfWeekHas(dayOfWeek, wall)];
    return fieldHas(month, wall.getUTCMonth() + 1, 1, 12) && (both ? days.every(Boolean) : days.some(Boolean));
  };
  return (wallMs) => minuteOfDayHas[(wallMs / minuteMs) % 1440] === true && dayHas(new Date(wallMs));
}

function fieldHas(field: string, value: number, low: number, high: number): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [from = low, to = from] = range === '*' || range === '?' ? [low, high] : range.split('-').map(Number);
    return value >= from && value <= to && (value - from) % Number(step) === 0;
  });
}

function dayOfMonthHas(field: string, wall: Date): boolean {
  const day = wall.getUTCDate();
  const last = new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 0)).getUTCDate();
  return field.split(',').some((part) => {
    if (part === 'L') return day === last;
    if (part.endsWith('W')) return day === workdayNearest(Number(part.slice(0, -1)), wall, last);
    return fieldHas(part, day, 1, 31);
  });
}

/** The weekday nearest to a day within its month; undefined where the month has no such day. */
function workdayNearest(day: number, wall: Date, last: number): number | undefined {
  if (day > last) return undefined;
  const weekday = (candidate: number): number => new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), candidate)).getUTCDay();
  return [0, -1, 1, -2, 2]
    .map((shift) => day + shift)
    .find((near) => near >= 1 && near <= last && weekday(near) >= 1 && weekday(near) <= 5);
}

function dayOfWeekHas(field: string, wall: Date): boolean {
  const weekday = wall.getUTCDay();
  const week = Math.ceil(wall.getUTCDate() / 7);
  const isLast = new Date(wall.getTime() + 7 * 86_400_000).getUTCMonth() !== wall.getUTCMonth();
  return field.split(',').some((part) => {
    if (part.endsWith('L')) return Number(part.slice(0, -1)) % 7 === weekday && isLast;
    const [days = '', nth] = part.split('#');
    return (fieldHas(days, weekday, 0, 6) || fieldHas(days, weekday + 7, 0, 7)) && (nth === undefined || Number(nth) === week);
  });
}
