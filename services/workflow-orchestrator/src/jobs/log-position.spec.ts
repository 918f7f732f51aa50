import fc from 'fast-check';
import { compareMoments, LogCursor, logStart } from './log-position.js';

describe('compareMoments', () => {
  it.each([
    ['2026-01-01T00:00:00.000000001Z', '2026-01-01T00:00:00.000000002Z', -1],
    ['2026-01-01T00:00:00.5Z', '2026-01-01T00:00:00.49Z', 1],
    ['2026-01-01T01:00:00.1+01:00', '2026-01-01T00:00:00.100Z', 0],
    ['2026-01-01T00:00:01Z', '2026-01-01T00:00:00.999999999Z', 1],
    ['', '2026-01-01T00:00:00Z', -1],
    ['', '', 0],
  ])('of %j and %j is %i', (left, right, order) => expect(compareMoments(left, right)).toBe(order));
});

describe('LogCursor', () => {
  const line = (moment: number, n: number) => ({ at: new Date(moment * 1000).toISOString(), text: String(n) });

  it('gives each line once, whatever is read again and whoever reads on', () => {
    // Moments that repeat; how far each pass gets; from which line on the next one reads; and when another replica takes over.
    const log = fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }).map((moments) => moments.sort((a, b) => a - b).map(line));
    const passes = fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.boolean()), { maxLength: 6 });
    fc.assert(
      fc.property(log, passes, (lines, plan) => {
        const given: string[] = [];
        let cursor = new LogCursor(logStart);
        for (const [until, back, isTakenOver] of [...plan, [lines.length, lines.length, false] as const]) {
          if (isTakenOver) cursor = new LogCursor(cursor.position);
          cursor.beginPass();
          // A pass begins at the first line of some moment up to the last given one.
          const first = Math.max(0, Math.min(given.length, lines.length - 1) - back);
          const from = lines.findIndex(({ at }) => at === lines[first]?.at);
          for (const each of lines.slice(from, Math.max(until, from))) if (cursor.take(each)) given.push(each.text);
        }
        expect(given).toEqual(lines.map(({ text }) => text));
      }),
    );
  });
});
