import { encodePage, decodePage } from '@q2/service-kit';
import { idCursor, instantCursor, positionCursor } from './cursors.js';

describe('cursors', () => {
  it.each([
    [idCursor, 'acme-eu'],
    [idCursor, 'storage_bytes'],
    [positionCursor, '9007199254740993'],
    [instantCursor, 1_774_000_000_000],
  ])('read what a page ended with', (schema, cursor) => {
    expect(decodePage<unknown>(encodePage(cursor), schema)).toBe(cursor);
  });

  it.each([
    [idCursor, 'a\u0000'],
    [idCursor, "a' or 1"],
    [positionCursor, '9999999999999999999'],
    [positionCursor, '-1'],
    [instantCursor, 1e300],
    [instantCursor, '2026'],
  ])('refuse what is not ours', (schema, cursor) => {
    expect(() => decodePage<unknown>(encodePage(cursor), schema)).toThrow(/page_token/);
  });
});
