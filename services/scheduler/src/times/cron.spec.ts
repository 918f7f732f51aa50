import { InvalidArgument } from '@q2/errors';
import fc from 'fast-check';
import { bruteForceTimes, realMinutes } from './brute-force.js';
import { cronSchedule, type CronRule, type GapPolicy, type RepeatPolicy } from './cron.js';
import { upcoming } from './schedule.js';

const gaps: readonly GapPolicy[] = ['skip', 'next', 'shift'];
const repeats: readonly RepeatPolicy[] = ['first', 'last', 'both'];

function rule(expression: string, timeZone = 'UTC', more: Partial<CronRule> = {}): CronRule {
  return { expression, timeZone, gap: 'next', repeat: 'first', ...more };
}

function next(expression: string, after: string, count = 3, more: Partial<CronRule> = {}): string[] {
  const { timeZone = 'UTC', ...policies } = more;
  const schedule = cronSchedule(rule(expression, timeZone, policies));
  return upcoming(schedule, Date.parse(after), count).map((time) => new Date(time).toISOString().replace('.000Z', 'Z'));
}

function timesBetween(wanted: CronRule, startMs: number, endMs: number): number[] {
  const schedule = cronSchedule(wanted);
  const times: number[] = [];
  for (let at = schedule.nextAfter(startMs - 1); at !== undefined && at < endMs; at = schedule.nextAfter(at)) times.push(at);
  return times;
}

describe('cronSchedule', () => {
  it('reads five fields, six fields and macros', () => {
    expect(next('30 4 * * *', '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-01T04:30:00Z', '2026-01-02T04:30:00Z']);
    expect(next('15,45 30 4 * * *', '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-01T04:30:15Z', '2026-01-01T04:30:45Z']);
    expect(next(' @monthly ', '2026-01-15T00:00:00Z', 2)).toEqual(['2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z']);
  });

  it('goes on from a time it gave, and never gives it again', () => {
    expect(next('0 * * * *', '2026-01-01T01:00:00Z', 1)).toEqual(['2026-01-01T02:00:00Z']);
    expect(next('0 * * * *', '2026-01-01T00:59:59.999Z', 1)).toEqual(['2026-01-01T01:00:00Z']);
  });

  it('knows last days, weekdays nearest to a day and the nth weekday', () => {
    expect(next('0 0 L * *', '2028-01-31T00:00:00Z', 1)).toEqual(['2028-02-29T00:00:00Z']);
    expect(next('0 0 15W * *', '2026-02-01T00:00:00Z', 1)).toEqual(['2026-02-16T00:00:00Z']);
    expect(next('0 0 * * 5#2', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-09T00:00:00Z']);
    expect(next('0 0 * * FRIL', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-30T00:00:00Z']);
  });

  it('demands both days where either starts with a star, otherwise takes either', () => {
    expect(next('0 0 */2 * MON', '2026-01-01T00:00:00Z')).toEqual(['2026-01-05T00:00:00Z', '2026-01-19T00:00:00Z', '2026-02-09T00:00:00Z']);
    expect(next('0 0 ? * MON', '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-05T00:00:00Z', '2026-01-12T00:00:00Z']);
    expect(next('0 0 13 * FRI', '2026-02-01T00:00:00Z')).toEqual(['2026-02-06T00:00:00Z', '2026-02-13T00:00:00Z', '2026-02-20T00:00:00Z']);
    expect(next('0 0 13 * MON', '2026-02-10T00:00:00Z', 2)).toEqual(['2026-02-13T00:00:00Z', '2026-02-16T00:00:00Z']);
  });

  it('finds the rarest dates and gives up on those that never come', () => {
    expect(next('0 0 29 2 *', '2096-03-01T00:00:00Z', 1)).toEqual(['2104-02-29T00:00:00Z']);
    expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toEqual([]);
    const onlyInGaps = { timeZone: 'Europe/Berlin', gap: 'skip' } as const;
    expect(next('30 2 * 3 7L', '2026-01-01T00:00:00Z', 1, onlyInGaps)).toEqual([]);
  });

  it.each([
    ['* * * *', /five or six fields/],
    ['0 0 1 1 * * 2027', /five or six fields/],
    ['2026-01-01T00:00:00', /five or six fields/],
    ['@reboot', /five or six fields/],
    ['0 0 1 * +1', /field '\+1' has characters/],
    ['? * * * *', /\? stands only for/],
    ['60 * * * *', /'60 \* \* \* \*': Invalid value for minute: 60/],
    ['5/10 * * * *', /stepping with numeric prefix/],
  ])('refuses %s', (expression, message) => {
    expect(() => cronSchedule(rule(expression))).toThrow(InvalidArgument);
    expect(() => cronSchedule(rule(expression))).toThrow(message);
  });
});

describe('cronSchedule where clocks jump forward (Berlin, 29 March 2026, 02:00 to 03:00)', () => {
  const berlin = (expression: string, gap: GapPolicy) => next(expression, '2026-03-28T12:00:00Z', 2, { timeZone: 'Europe/Berlin', gap });

  it('skips a time that does not exist', () => {
    expect(berlin('30 2 * * *', 'skip')).toEqual(['2026-03-30T00:30:00Z', '2026-03-31T00:30:00Z']);
  });

  it('fires it at the first instant after the gap, once however many times the gap left out', () => {
    expect(berlin('30 2 * * *', 'next')).toEqual(['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']);
    expect(berlin('0,15,30 2,3 * * *', 'next')).toEqual(['2026-03-29T01:00:00Z', '2026-03-29T01:15:00Z']);
  });

  it('fires it at the wall time read with the offset before', () => {
    expect(berlin('30 2 * * *', 'shift')).toEqual(['2026-03-29T01:30:00Z', '2026-03-30T00:30:00Z']);
  });

  it('makes nothing up for what follows the clock', () => {
    expect(berlin('*/30 2 * * *', 'next')).toEqual(['2026-03-30T00:00:00Z', '2026-03-30T00:30:00Z']);
  });
});

describe('cronSchedule where clocks are set back (Berlin, 25 October 2026, 03:00 to 02:00)', () => {
  const berlin = (expression: string, repeat: RepeatPolicy) =>
    next(expression, '2026-10-24T12:00:00Z', 2, { timeZone: 'Europe/Berlin', repeat });

  it('fires the first, the last or both of a time that comes twice', () => {
    expect(berlin('30 2 * * *', 'first')).toEqual(['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']);
    expect(berlin('30 2 * * *', 'last')).toEqual(['2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']);
    expect(berlin('30 2 * * *', 'both')).toEqual(['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z']);
  });

  it('fires every minute that occurs for what follows the clock', () => {
    expect(berlin('30 * * * *', 'first').slice(0, 1)).toEqual(['2026-10-24T12:30:00Z']);
    const times = timesBetween(rule('*/30 2 * * *', 'Europe/Berlin'), Date.parse('2026-10-25T00:00Z'), Date.parse('2026-10-25T02:00Z'));
    expect(times).toHaveLength(4);
  });
});

describe('cronSchedule against a walk through every minute of a year', () => {
  const zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Cairo', 'America/Havana'];
  const expressions = [
    '30 2 * * *',
    '0 0 * * *',
    '45 1,2,23 * * *',
    '0-59/29 0-3 * * *',
    '*/20 2 * * *',
    '15 */7 * * *',
    '59 23 L * *',
    '0 2 15W 3,10 *',
    '30 1 * * 0#1',
    '0,30 0,2 1-7 * 0',
    '5 0 */3 * 5',
    '10 2 ? 3-11 5L',
    '0 3 31 * 1-5',
  ];
  const [startMs, endMs] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];

  it.each(zones)('agrees in %s', (zone) => {
    const minutes = realMinutes(zone, startMs, endMs);
    for (const [index, expression] of expressions.entries()) {
      const nth = index + zones.indexOf(zone);
      const wanted = rule(expression, zone, { gap: gaps[nth % 3] ?? 'skip', repeat: repeats[Math.floor(nth / 3) % 3] ?? 'first' });
      expect({ wanted, times: timesBetween(wanted, startMs, endMs) }).toEqual({ wanted, times: bruteForceTimes(wanted, minutes) });
    }
  });

  it('agrees where a whole day is left out (Apia, 30 December 2011)', () => {
    const [from, to] = [Date.UTC(2011, 11, 20), Date.UTC(2012, 0, 10)];
    const minutes = realMinutes('Pacific/Apia', from, to);
    for (const gap of gaps) {
      const wanted = rule('0 9,21 * * *', 'Pacific/Apia', { gap });
      expect(timesBetween(wanted, from, to)).toEqual(bruteForceTimes(wanted, minutes));
    }
  });

  it('agrees for any expression around any change of clocks', () => {
    const list = (low: number, high: number) =>
      fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 }).map((n) => n.join(','));
    const field = (low: number, high: number) =>
      fc.oneof(
        list(low, high),
        fc.constant('*'),
        fc.integer({ min: 2, max: 5 }).map((n) => `*/${n}`),
      );
    const expression = fc.tuple(field(0, 59), field(0, 4), field(1, 31), fc.constant('*'), field(0, 6)).map((fields) => fields.join(' '));
    const periods = [
      ['Europe/Berlin', '2026-03-27', '2026-03-31'],
      ['Europe/Berlin', '2026-10-23', '2026-10-27'],
      ['Australia/Lord_Howe', '2026-04-03', '2026-04-07'],
      ['Australia/Lord_Howe', '2026-10-02', '2026-10-06'],
      ['America/Havana', '2026-03-06', '2026-03-10'],
      ['America/Havana', '2026-10-30', '2026-11-03'],
    ].map(([zone = '', from = '', to = '']) => ({ zone, from: Date.parse(from), to: Date.parse(to) }));
    const walks = new Map(periods.map((period) => [period, realMinutes(period.zone, period.from, period.to)]));
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(...periods),
        fc.constantFrom(...gaps),
        fc.constantFrom(...repeats),
        (text, period, gap, repeat) => {
          const wanted = rule(text, period.zone, { gap, repeat });
          const minutes = walks.get(period) ?? [];
          expect(timesBetween(wanted, period.from, period.to)).toEqual(bruteForceTimes(wanted, minutes));
        },
      ),
      { numRuns: 100 },
    );
  });
});
