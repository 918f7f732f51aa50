import { intervalSchedule, onceSchedule } from './schedule.js';
import { mergeUpcoming } from './upcoming.js';

describe('mergeUpcoming', () => {
  const often = { name: 'often', schedule: intervalSchedule(0, 10), left: Number.POSITIVE_INFINITY };
  const rarely = { name: 'rarely', schedule: intervalSchedule(5, 100), left: 1 };
  const once = { name: 'once', schedule: onceSchedule(12), left: 3 };

  it('gives the times of all in order, no more of each than it has left', () => {
    const times = mergeUpcoming([often, rarely, once], 0, 5);
    expect(times).toEqual([
      { name: 'rarely', ms: 5 },
      { name: 'often', ms: 10 },
      { name: 'once', ms: 12 },
      { name: 'often', ms: 20 },
      { name: 'often', ms: 30 },
    ]);
  });

  it('ends where no times are left', () => {
    expect(mergeUpcoming([once, { ...often, left: 0 }], 0, 5)).toEqual([{ name: 'once', ms: 12 }]);
    expect(mergeUpcoming([], 0, 5)).toEqual([]);
  });
});
