import { crosses, judge, leastSeverity, thresholdOf, type AlertRule } from './alert-rule.js';

const rule: AlertRule = {
  comparison: 'GREATER',
  warning: 0.1,
  critical: 0.3,
  clear: 0.05,
  pendingMs: 0,
  keepFiringMs: 0,
  minimumSamples: 10,
  noData: 'KEEP',
};

describe('crosses', () => {
  it.each([
    ['GREATER', 2, 1, true],
    ['GREATER', 1, 1, false],
    ['GREATER_OR_EQUAL', 1, 1, true],
    ['GREATER_OR_EQUAL', 0.9, 1, false],
    ['LESS', 0.9, 1, true],
    ['LESS', 1, 1, false],
    ['LESS_OR_EQUAL', 1, 1, true],
    ['LESS_OR_EQUAL', 1.1, 1, false],
  ] as const)('%s: %d against %d is %s', (comparison, value, threshold, expected) => {
    expect(crosses(comparison, value, threshold)).toBe(expected);
  });
});

describe('judge', () => {
  it.each([
    [0.5, 'CRITICAL', false],
    [0.2, 'WARNING', false],
    [0.1, undefined, false],
    [0.05, undefined, true],
  ] as const)('of %d reaches %s, clear: %s', (value, reached, isClear) => {
    expect(judge(rule, { value, points: 10 })).toEqual({ isKnown: true, reached, isClear });
  });

  it('takes the first threshold to be clear where none is given', () => {
    expect(judge({ ...rule, clear: undefined }, { value: 0.1, points: 10 })).toEqual({ isKnown: true, reached: undefined, isClear: true });
  });

  it('knows nothing from too few points, or none', () => {
    expect(judge(rule, { value: 0.9, points: 9 })).toEqual({ isKnown: false });
    expect(judge(rule, { value: undefined, points: 0 })).toEqual({ isKnown: false });
  });

  it('takes missing data for good where the policy says so', () => {
    expect(judge({ ...rule, noData: 'RESOLVE' }, { value: undefined, points: 0 })).toEqual({
      isKnown: true,
      reached: undefined,
      isClear: true,
    });
  });

  it('takes missing data for trouble of the least severity where the policy says so', () => {
    expect(judge({ ...rule, noData: 'ALERT' }, { value: undefined, points: 0 })).toEqual({
      isKnown: true,
      reached: 'WARNING',
      isClear: false,
    });
    expect(judge({ ...rule, warning: undefined, noData: 'ALERT' }, { value: undefined, points: 0 })).toMatchObject({ reached: 'CRITICAL' });
  });
});

describe('thresholdOf', () => {
  it('is that of the severity', () => {
    expect(thresholdOf(rule, 'WARNING')).toBe(0.1);
    expect(thresholdOf(rule, 'CRITICAL')).toBe(0.3);
  });

  it('is the only one there is', () => {
    expect(thresholdOf({ warning: undefined, critical: 0 }, 'WARNING')).toBe(0);
    expect(thresholdOf({ warning: 4, critical: undefined }, 'CRITICAL')).toBe(4);
    expect(thresholdOf({ warning: undefined, critical: undefined }, 'CRITICAL')).toBe(0);
  });
});

describe('leastSeverity', () => {
  it('is critical only where there is no warning level', () => {
    expect(leastSeverity(rule)).toBe('WARNING');
    expect(leastSeverity({ warning: undefined })).toBe('CRITICAL');
  });
});
