import type { Injected } from './fault-injector.js';
import { faultVerdicts } from './fault-verdicts.js';

const crash = (isHit: boolean): Injected => ({
  fault: { kind: 'crash', service: 'monitoring', replica: 0, point: 'relay.after-publish', passing: 1, afterMs: 0 },
  ends: ['SIGKILL', 'SIGKILL'],
  recoveryMs: 1,
  isHit,
});
const stop = (end: string | number): Injected => ({
  fault: { kind: 'stop', service: 'monitoring', replica: 0, afterMs: 0 },
  ends: [end],
  recoveryMs: 1,
  isHit: true,
});

describe('faultVerdicts', () => {
  it('holds where each planned point was hit at least once and every stop was clean', () => {
    expect(faultVerdicts([crash(false), crash(true), stop(0)])).toEqual([
      { claim: 'each crash point is hit', checked: 1, violations: [] },
      { claim: 'who is asked to stop exits with 0', checked: 1, violations: [] },
    ]);
  });

  it('names points that were never hit, and how a stop ended', () => {
    expect(faultVerdicts([crash(false), stop('SIGKILL'), stop(1)]).map(({ violations }) => violations)).toEqual([
      ['relay.after-publish'],
      ['SIGKILL', '1'],
    ]);
  });

  it('claims nothing about faults that were not planned', () => {
    expect(faultVerdicts([])).toEqual([]);
  });
});
