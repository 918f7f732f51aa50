import { crashPoint, crashPointOf } from './crash-point.js';

describe('crashPointOf', () => {
  const armed = (setting: string | undefined) => {
    const counts = { deaths: 0 };
    return { counts, pass: crashPointOf(setting, () => (counts.deaths += 1)) };
  };

  it.each([undefined, ''])('never dies where nothing is armed (%p)', (setting) => {
    const { counts, pass } = armed(setting);
    pass('relay.after-publish');
    expect(counts.deaths).toBe(0);
  });

  it('dies at the first passing of the named point, and at no other point', () => {
    const { counts, pass } = armed('relay.after-publish');
    pass('relay.before-publish');
    expect(counts.deaths).toBe(0);
    pass('relay.after-publish');
    expect(counts.deaths).toBe(1);
  });

  it('dies at the Nth passing only', () => {
    const { counts, pass } = armed('transaction.before-commit:3');
    const deaths = [1, 2, 3, 4].map(() => {
      pass('transaction.before-commit');
      return counts.deaths;
    });
    expect(deaths).toEqual([0, 0, 1, 1]);
  });

  it.each(['relay', 'relay.after-publish:0', 'relay.after-publish:x', 'relay.after-publish:1:2', ':1'])(
    'refuses %p, which would crash nowhere',
    (setting) => {
      expect(() => armed(setting)).toThrow(`Q2_CRASH_POINT is ${setting}; it must be one of transaction.before-commit, relay.`);
    },
  );
});

describe('crashPoint', () => {
  it('lets a process live that armed none', () => {
    expect(() => crashPoint('process.during-shutdown')).not.toThrow();
  });
});
