import { InvalidArgument } from '@q2/errors';
import { Cron } from 'croner';
import type { Schedule } from './schedule.js';
import { segmentAt, type OffsetSegment } from './zone.js';

/** What happens at a wall time that does not exist: never, at the first instant after the gap, or read with the offset before it. */
export type GapPolicy = 'skip' | 'next' | 'shift';
/** What happens at a wall time that comes twice. */
export type RepeatPolicy = 'first' | 'last' | 'both';

export interface CronRule {
  readonly expression: string;
  readonly timeZone: string;
  readonly gap: GapPolicy;
  readonly repeat: RepeatPolicy;
}

/** Names an expression's times on the wall clock: the first at or after a wall time; undefined where none follows. */
type WallTimes = (wallMs: number) => number | undefined;

const macros: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

const yearMs = 366 * 86_400_000;
/** Rarest of what can be asked is 29 February on a given weekday: up to 40 years apart, across 2100. */
const horizonMs = 50 * yearMs;
/** More than any two offsets of one zone ever differed by. */
const largestJumpMs = 48 * 3_600_000;

/**
 * The times of a cron expression on the wall clock of a zone.
 *
 * The library is asked for wall times only, as if of UTC; what becomes of them where clocks change is decided here, because
 * libraries disagree on it. Expressions whose hour or minute starts with `*` follow the clock: every wall minute that occurs
 * fires, nothing is made up for. All others obey the rule's policies.
 *
 * @throws {InvalidArgument} naming the expression where it cannot be read
 */
export function cronSchedule(rule: CronRule): Schedule {
  const fields = fieldsOf(rule.expression);
  const walls = wallTimes(fields);
  const followsClock = fields.slice(-5, -3).some((field) => field.startsWith('*'));
  const firstIn = followsClock ? clockTime : fixedTime;
  return {
    nextAfter: (instantMs) => {
      let segment = segmentAt(rule.timeZone, instantMs);
      while (segment.startMs < instantMs + horizonMs) {
        const found = firstIn(segment, instantMs + 1, walls, rule);
        if (found !== undefined) return found;
        const wall = walls(Math.max(instantMs + 1, segment.endMs) + Math.min(segment.offsetMs, segment.offsetAfterMs));
        if (wall === undefined) return undefined;
        segment = segmentAt(rule.timeZone, Math.max(segment.endMs, wall - segment.offsetMs - largestJumpMs));
      }
      return undefined;
    },
  };
}

/** First instant of a segment, not before `fromMs`, whose wall time is one of the expression's. */
function clockTime(segment: OffsetSegment, fromMs: number, walls: WallTimes): number | undefined {
  return ordinaryTime(segment, { fromMs: Math.max(fromMs, segment.startMs), endMs: segment.endMs }, walls);
}

/** The same by the policies: with what the gap before the segment owes, without what repeats belong elsewhere. */
function fixedTime(segment: OffsetSegment, fromMs: number, walls: WallTimes, rule: CronRule): number | undefined {
  const { startMs, endMs, offsetMs, offsetBeforeMs, offsetAfterMs } = segment;
  const repeatedMs = rule.repeat === 'first' ? Math.max(0, offsetBeforeMs - offsetMs) : 0;
  const toRepeatMs = rule.repeat === 'last' ? Math.max(0, offsetMs - offsetAfterMs) : 0;
  const range = { fromMs: Math.max(fromMs, startMs + repeatedMs), endMs: endMs - toRepeatMs };
  const times = [ordinaryTime(segment, range, walls), owedByGap(segment, fromMs, walls, rule.gap)];
  return times.reduce((least, time) => (least === undefined || (time !== undefined && time < least) ? time : least));
}

function ordinaryTime(segment: OffsetSegment, range: { fromMs: number; endMs: number }, walls: WallTimes): number | undefined {
  const wall = walls(range.fromMs + segment.offsetMs);
  return wall !== undefined && wall < range.endMs + segment.offsetMs ? wall - segment.offsetMs : undefined;
}

/** First instant, not before `fromMs`, at which a wall time fires that the jump at the segment's start left out. */
function owedByGap(segment: OffsetSegment, fromMs: number, walls: WallTimes, policy: GapPolicy): number | undefined {
  const { startMs, offsetMs, offsetBeforeMs } = segment;
  if (policy === 'skip' || offsetMs <= offsetBeforeMs) return undefined;
  const fromWall = policy === 'shift' ? Math.max(startMs, fromMs) + offsetBeforeMs : startMs + offsetBeforeMs;
  const wall = walls(fromWall);
  if (wall === undefined || wall >= startMs + offsetMs) return undefined;
  if (policy === 'shift') return wall - offsetBeforeMs;
  return startMs >= fromMs ? startMs : undefined;
}

/** The five or six fields of an expression, macros replaced. */
function fieldsOf(expression: string): string[] {
  const text = expression.trim();
  const fields = (macros.get(text.toLowerCase()) ?? text).split(/\s+/u);
  if (fields.length !== 5 && fields.length !== 6) {
    throw invalid(expression, `must have five or six fields or be one of ${[...macros.keys()].join(', ')}`);
  }
  const odd = fields.find((field) => !/^[0-9A-Za-z*?,/#-]+$/u.test(field));
  if (odd !== undefined) throw invalid(expression, `field '${odd}' has characters other than letters, digits and *?,/#-`);
  if (fields.some((field, index) => field.includes('?') && !isDayField(index - fields.length))) {
    throw invalid(expression, '? stands only for the day of month or of week');
  }
  return fields;
}

function isDayField(indexFromEnd: number): boolean {
  return indexFromEnd === -3 || indexFromEnd === -1;
}

/** Both day fields must match when either starts with `*` or `?`, otherwise either may: the library knows neither by itself. */
function wallTimes(fields: readonly string[]): WallTimes {
  const expression = fields.join(' ');
  const dayOfMonth = fields.at(-3) ?? '';
  const dayOfWeek = fields.at(-1) ?? '';
  const domAndDow = /^[*?]/u.test(dayOfMonth) || /^[*?]/u.test(dayOfWeek);
  try {
    const cron = new Cron(expression, { utcOffset: 0, paused: true, mode: '5-or-6-parts', domAndDow });
    return (wallMs) => cron.nextRun(new Date(wallMs - 1))?.getTime();
  } catch (error) {
    throw invalid(expression, error instanceof Error ? error.message.replace(/^CronPattern: /u, '') : String(error));
  }
}

function invalid(expression: string, problem: string): InvalidArgument {
  return InvalidArgument.field('trigger.cron.expression', `'${expression}': ${problem}`);
}
