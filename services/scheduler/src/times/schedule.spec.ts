import fc from 'fast-check';
import { boundedSchedule, intervalSchedule, noSchedule, onceSchedule, upcoming } from './schedule.js';

describe('intervalSchedule', () => {
  it('starts at its anchor and never drifts', () => {
    expect(upcoming(intervalSchedule(1000, 300), 0, 3)).toEqual([1000, 1300, 1600]);
    expect(intervalSchedule(1000, 300).nextAfter(1300)).toBe(1600);
  });

  it('gives times that lie after the instant, within one distance, and whole distances from the anchor', () => {
    const instant = fc.integer({ min: 0, max: 4e12 });
    fc.assert(
      fc.property(instant, instant, fc.integer({ min: 1000, max: 1e10 }), (anchor, offset, every) => {
        const at = anchor + offset;
        const next = intervalSchedule(anchor, every).nextAfter(at) ?? 0;
        expect(next > at && next <= at + every).toBe(true);
        expect((next - anchor) % every).toBe(0);
      }),
    );
  });
});

describe('onceSchedule', () => {
  it('gives its one time before, and nothing from then on', () => {
    expect(onceSchedule(500).nextAfter(499)).toBe(500);
    expect(onceSchedule(500).nextAfter(500)).toBeUndefined();
  });
});

describe('boundedSchedule', () => {
  it('includes its start and excludes its end', () => {
    expect(upcoming(boundedSchedule(intervalSchedule(0, 100), 200, 400), 0, 10)).toEqual([200, 300]);
  });

  it('is empty where the schedule is', () => {
    expect(boundedSchedule(noSchedule, 0, 100).nextAfter(0)).toBeUndefined();
  });
});
