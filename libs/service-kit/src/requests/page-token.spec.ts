import { z } from 'zod';
import { decodePage, encodePage, pageSizeOf } from './page-token.js';

const cursor = z.object({ after: z.string() });

describe('page tokens', () => {
  it('carry where a page ended', () => {
    expect(decodePage(encodePage({ after: 'm' }), cursor)).toEqual({ after: 'm' });
  });

  it('begin at the first page where there is none', () => {
    expect(decodePage('', cursor)).toBeUndefined();
  });

  it.each(['nonsense', encodePage({ before: 'm' }), encodePage('m')])('refuse %s, naming the field', (token) => {
    expect(() => decodePage(token, cursor)).toThrow(/^page_token: must be the next_page_token/);
  });
});

describe('pageSizeOf', () => {
  it('takes 0 for the default', () => {
    expect([pageSizeOf({ pageSize: 0 }), pageSizeOf({ pageSize: 7 })]).toEqual([50, 7]);
  });
});
