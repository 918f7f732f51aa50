import { offsetAt, segmentAt } from './zone.js';

const hourMs = 3_600_000;

describe('offsetAt', () => {
  it('knows summer and winter, half hours and zones west of Greenwich', () => {
    expect(offsetAt('Europe/Berlin', Date.parse('2026-07-01T00:00Z'))).toBe(2 * hourMs);
    expect(offsetAt('Europe/Berlin', Date.parse('2026-01-01T00:00:00.123Z'))).toBe(hourMs);
    expect(offsetAt('Asia/Kolkata', 0)).toBe(5.5 * hourMs);
    expect(offsetAt('Africa/Monrovia', Date.parse('1970-01-01T00:00Z'))).toBe(-(44 * 60 + 30) * 1000);
    expect(offsetAt('America/New_York', Date.parse('2026-01-01T00:00Z'))).toBe(-5 * hourMs);
  });

  it('refuses what is no zone', () => {
    expect(() => offsetAt('Mars/Olympus', 0)).toThrow(RangeError);
  });
});

describe('segmentAt', () => {
  it('reaches from one change of clocks to the next', () => {
    const segment = segmentAt('Europe/Berlin', Date.parse('2026-07-01T00:00Z'));
    expect(new Date(segment.startMs).toISOString()).toBe('2026-03-29T01:00:00.000Z');
    expect(new Date(segment.endMs).toISOString()).toBe('2026-10-25T01:00:00.000Z');
    expect(segment).toMatchObject({ offsetMs: 2 * hourMs, offsetBeforeMs: hourMs, offsetAfterMs: hourMs });
  });

  it('holds its start and not its end', () => {
    const change = Date.parse('2026-03-29T01:00Z');
    expect(segmentAt('Europe/Berlin', change).startMs).toBe(change);
    expect(segmentAt('Europe/Berlin', change - 1).endMs).toBe(change);
  });

  it('forgets years when it has seen too many, and finds them again', () => {
    const before = segmentAt('UTC', 0);
    for (let year = 1970; year < 3010; year += 1) segmentAt('UTC', Date.UTC(year, 5, 1));
    expect(segmentAt('UTC', 0)).toEqual(before);
    expect(() => segmentAt('UTC', Number.NaN)).toThrow(RangeError);
  });
});
