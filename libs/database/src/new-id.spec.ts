import { jest } from '@jest/globals';
import { newId } from './new-id.js';

afterEach(() => jest.restoreAllMocks());

const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('newId', () => {
  it('is a UUID of version 7 that holds the time', () => {
    const before = Date.now();
    const id = newId();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(timeOf(id)).toBeGreaterThanOrEqual(before);
    expect(timeOf(id)).toBeLessThan(before + 1_000);
  });

  it('sorts in the order of making, also within a millisecond and past 4,096 of them', () => {
    const ids = Array.from({ length: 20_000 }, () => newId());
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('borrows from the next millisecond where one has no ids left', () => {
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 1_000);
    const ids = Array.from({ length: 5_000 }, () => newId());
    expect([...ids].sort()).toEqual(ids);
    expect(timeOf(ids.at(-1) ?? '')).toBe(timeOf(ids[0] ?? '') + 1);
  });

  it('keeps the order where the clock goes back', () => {
    const first = newId();
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 60_000);
    expect(newId() > first).toBe(true);
  });
});
