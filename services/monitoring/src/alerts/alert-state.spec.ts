import fc from 'fast-check';
import type { AlertRule, Reading } from './alert-rule.js';
import { fold, type Incident, type Transition } from './alert-state.js';

const rule: AlertRule = {
  comparison: 'GREATER',
  warning: 10,
  critical: 20,
  clear: 5,
  pendingMs: 3_000,
  keepFiringMs: 4_000,
  minimumSamples: 1,
  noData: 'KEEP',
};
const startMs = Date.UTC(2026, 0, 1);

/** Folds one value a second, `undefined` for no data, and gives the transitions other than NONE as `second:transition`. */
function run(values: readonly (number | undefined)[], changed: Partial<AlertRule> = {}) {
  const changes: string[] = [];
  let incident: Incident | undefined;
  values.forEach((value, second) => {
    const folded = fold({ ...rule, ...changed }, incident, readingOf(value), new Date(startMs + second * 1_000));
    if (folded.transition !== 'NONE') changes.push(`${second}:${folded.transition}`);
    incident = folded.incident;
  });
  return { changes, incident };
}

const readingOf = (value: number | undefined): Reading => ({ value, points: value === undefined ? 0 : 1 });

describe('fold', () => {
  it('fires once a threshold stayed crossed for the pending duration', () => {
    const { changes, incident } = run([1, 11, 12, 13, 14]);
    expect(changes).toEqual(['1:OPENED', '4:FIRED']);
    expect(incident).toMatchObject({
      isFiring: true,
      severity: 'WARNING',
      pendingAt: new Date(startMs + 1_000),
      firedAt: new Date(startMs + 4_000),
    });
  });

  it('fires at once without a pending duration', () => {
    expect(run([11], { pendingMs: 0 }).changes).toEqual(['0:FIRED']);
  });

  it('drops a pending incident that recovers, also into the band between clear and threshold', () => {
    expect(run([11, 12, 1]).changes).toEqual(['0:OPENED', '2:DROPPED']);
    expect(run([11, 12, 7, 11, 12]).changes).toEqual(['0:OPENED', '2:DROPPED', '3:OPENED']);
  });

  it('confirms each level by a timer of its own', () => {
    const { changes } = run([11, 12, 25, 25, 25, 25]);
    expect(changes).toEqual(['0:OPENED', '3:FIRED', '5:RAISED']);
  });

  it('fires critical at once where the critical level was held all the time', () => {
    expect(run([25, 25, 25, 25]).incident?.severity).toBe('CRITICAL');
  });

  it('keeps the severity through a dip shorter than the keep-firing duration, and lowers it in place after', () => {
    expect(run([25, 25, 25, 25, 11, 11, 25, 25]).changes).toEqual(['0:OPENED', '3:FIRED']);
    const { changes, incident } = run([25, 25, 25, 25, 11, 11, 11, 11, 11]);
    expect(changes).toEqual(['0:OPENED', '3:FIRED', '8:LOWERED']);
    expect(incident).toMatchObject({ isFiring: true, severity: 'WARNING', firedAt: new Date(startMs + 3_000) });
  });

  it('stays firing between the clear threshold and the first level, however long', () => {
    expect(run([11, 11, 11, 11, ...Array<number>(60).fill(7)]).changes).toEqual(['0:OPENED', '3:FIRED']);
  });

  it('resolves once the value stayed good for the keep-firing duration', () => {
    const { changes, incident } = run([11, 11, 11, 11, 1, 1, 1, 1, 1]);
    expect(changes).toEqual(['0:OPENED', '3:FIRED', '8:RESOLVED']);
    expect(incident).toBeUndefined();
  });

  it('starts the keep-firing time again with each value that is not good', () => {
    expect(run([11, 11, 11, 11, 1, 1, 7, 1, 1, 1, 1]).changes).toEqual(['0:OPENED', '3:FIRED']);
  });

  it('counts time without data for no timer under KEEP', () => {
    const silence = Array<undefined>(100).fill(undefined);
    expect(run([11, 11, ...silence, 11, 11]).changes).toEqual(['0:OPENED', '103:FIRED']);
    expect(run([11, 11, 11, 11, 1, ...silence, 1, 1, 1, 1]).changes).toEqual(['0:OPENED', '3:FIRED', '108:RESOLVED']);
    expect(run([undefined]).incident).toBeUndefined();
  });

  it('moves no timer back where the clock went back', () => {
    const pending = fold(rule, undefined, readingOf(25), new Date(startMs)).incident;
    const { incident } = fold(rule, pending, readingOf(undefined), new Date(startMs - 60_000));
    expect(incident).toMatchObject({ warningSince: new Date(startMs), criticalSince: new Date(startMs) });
  });

  it('fires for missing data where the policy says so, and resolves when data is back', () => {
    const { changes } = run([undefined, undefined, undefined, undefined, 1, 1, 1, 1, 1], { noData: 'ALERT' });
    expect(changes).toEqual(['0:OPENED', '3:FIRED', '8:RESOLVED']);
  });

  it('resolves without data where the policy says so', () => {
    expect(run([11, 11, 11, 11, ...Array<undefined>(5).fill(undefined)], { noData: 'RESOLVE' }).changes).toContain('8:RESOLVED');
  });
});

/** Which transition may follow which; NONE is left out before checking. */
const successors: Record<string, readonly Transition[]> = {
  start: ['OPENED', 'FIRED'],
  OPENED: ['DROPPED', 'FIRED'],
  DROPPED: ['OPENED', 'FIRED'],
  FIRED: ['RAISED', 'LOWERED', 'RESOLVED'],
  RAISED: ['LOWERED', 'RESOLVED'],
  LOWERED: ['RAISED', 'RESOLVED'],
  RESOLVED: ['OPENED', 'FIRED'],
};

const rules: fc.Arbitrary<AlertRule> = fc.record({
  comparison: fc.constant('GREATER' as const),
  warning: fc.option(fc.constant(10), { nil: undefined }),
  critical: fc.constant(20),
  clear: fc.option(fc.constant(5), { nil: undefined }),
  pendingMs: fc.integer({ min: 0, max: 5_000 }),
  keepFiringMs: fc.integer({ min: 0, max: 5_000 }),
  minimumSamples: fc.constant(1),
  noData: fc.constantFrom('KEEP' as const, 'RESOLVE' as const, 'ALERT' as const),
});
const steps = fc.array(
  fc.record({ value: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }), gapMs: fc.integer({ min: 1, max: 3_000 }) }),
  {
    maxLength: 60,
  },
);

/** Every step of a history: state before and after, the reading, the instant. */
function replay(judged: AlertRule, history: readonly { value: number | undefined; gapMs: number }[]) {
  let incident: Incident | undefined;
  let atMs = startMs;
  return history.map(({ value, gapMs }) => {
    atMs += gapMs;
    const before = incident;
    const folded = fold(judged, before, readingOf(value), new Date(atMs));
    incident = folded.incident;
    return { before, value, atMs, ...folded };
  });
}

describe('fold, whatever the history', () => {
  it('makes transitions only in an order that makes sense', () => {
    fc.assert(
      fc.property(rules, steps, (judged, history) => {
        let last = 'start';
        for (const { transition } of replay(judged, history).filter((step) => step.transition !== 'NONE')) {
          expect(successors[last]).toContain(transition);
          last = transition;
        }
      }),
    );
  });

  it('never fires before the pending duration, and never on a good value', () => {
    fc.assert(
      fc.property(rules, steps, (judged, history) => {
        for (const step of replay(judged, history).filter(({ transition }) => transition === 'FIRED')) {
          expect(step.atMs - (step.incident?.pendingAt.getTime() ?? 0)).toBeGreaterThanOrEqual(judged.pendingMs);
          expect(step.value === undefined ? judged.noData === 'ALERT' : step.value > (judged.warning ?? judged.critical ?? 0)).toBe(true);
        }
      }),
    );
  });

  it('never resolves on a value above the clear threshold, nor within the keep-firing duration of one', () => {
    fc.assert(
      fc.property(rules, steps, (judged, history) => {
        const clear = judged.clear ?? judged.warning ?? judged.critical ?? 0;
        let unclearAtMs = 0;
        for (const step of replay({ ...judged, noData: 'RESOLVE' }, history)) {
          const isUnclear = step.value !== undefined && step.value > clear;
          if (isUnclear) unclearAtMs = step.atMs;
          if (step.transition === 'RESOLVED') expect([isUnclear, step.atMs - unclearAtMs >= judged.keepFiringMs]).toEqual([false, true]);
        }
      }),
    );
  });

  it('never flaps while the value stays above the clear threshold: at most one alert', () => {
    const restless = fc.array(fc.record({ value: fc.integer({ min: 6, max: 30 }), gapMs: fc.integer({ min: 1, max: 3_000 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(rules, restless, (judged, history) => {
        const told = replay({ ...judged, clear: 5 }, history).filter(
          ({ transition }) => transition === 'FIRED' || transition === 'RESOLVED',
        );
        expect(told.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is the same after its state went through a row, as a restart makes it', () => {
    fc.assert(
      fc.property(rules, steps, (judged, history) => {
        let stored: string | undefined;
        let atMs = startMs;
        const transitions = history.map(({ value, gapMs }) => {
          atMs += gapMs;
          const folded = fold(judged, revive(stored), readingOf(value), new Date(atMs));
          stored = folded.incident && JSON.stringify(folded.incident);
          return folded.transition;
        });
        expect(transitions).toEqual(replay(judged, history).map(({ transition }) => transition));
      }),
    );
  });
});

function revive(stored: string | undefined): Incident | undefined {
  if (stored === undefined) return undefined;
  return JSON.parse(stored, (_, value: unknown) => (typeof value === 'string' && /^\d{4}-/.test(value) ? new Date(value) : value));
}
