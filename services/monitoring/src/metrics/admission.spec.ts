import { admit, type Point } from './admission.js';

const now = new Date('2026-03-01T12:00:00Z');
const rules = { now, retentionMs: 3_600_000 };
const pointAt = (iso: string, labels: Record<string, string> = {}): Point => ({
  metric: 'latency_ms',
  labels,
  value: 1,
  at: new Date(iso),
});

describe('admit', () => {
  it('takes points within the time kept, and a minute ahead', () => {
    const { admitted, rejections } = admit([pointAt('2026-03-01T11:00:00Z'), pointAt('2026-03-01T12:01:00Z')], rules);
    expect(admitted.map(({ index }) => index)).toEqual([0, 1]);
    expect(rejections).toEqual([]);
  });

  it('refuses older and later ones by their place in the batch, and says what is allowed', () => {
    const { admitted, rejections } = admit(
      [pointAt('2026-03-01T10:59:59Z'), pointAt('2026-03-01T12:00:00Z'), pointAt('2026-03-01T12:01:01Z')],
      rules,
    );
    expect(admitted.map(({ index }) => index)).toEqual([1]);
    expect(rejections).toEqual([
      { index: 0, reason: 'POINT_TOO_OLD', message: 'time must be 2026-03-01T11:00:00.000Z or later, got 2026-03-01T10:59:59.000Z' },
      { index: 2, reason: 'POINT_IN_FUTURE', message: 'time must be 2026-03-01T12:01:00.000Z or earlier, got 2026-03-01T12:01:01.000Z' },
    ]);
  });

  it('puts labels in their canonical form', () => {
    const [point] = admit([pointAt('2026-03-01T12:00:00Z', { version: '1.0.0', region: '', model: 'digits' })], rules).admitted;
    expect(Object.entries(point?.labels ?? {})).toEqual([
      ['model', 'digits'],
      ['version', '1.0.0'],
    ]);
  });
});
