import { checkRange } from './range.js';

const start = new Date('2026-03-01T00:00:00Z');
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);

describe('checkRange', () => {
  it('takes up to 10,000 windows', () => {
    expect(() => checkRange({ start, end: after(10_000), windowMs: 1_000 })).not.toThrow();
    expect(() => checkRange({ start, end: after(10_001), windowMs: 1_000 })).toThrow(/at most 10000 windows.*gives 10001/);
  });

  it('refuses a range that is empty or backwards', () => {
    expect(() => checkRange({ start, end: start, windowMs: 1_000 })).toThrow(/must be after start_time/);
    expect(() => checkRange({ start, end: after(-1), windowMs: 1_000 })).toThrow(/must be after start_time/);
  });
});
