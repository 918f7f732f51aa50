import { NotFound, Unavailable } from '@q2/errors';
import { UnprocessableEvent } from '@q2/events';
import { toRefusal } from './refusal.js';

describe('toRefusal', () => {
  it('refuses for what trying again cannot change, and tells no credential', () => {
    const key = `q2_k${'c'.repeat(15)}_${'d'.repeat(43)}`;
    for (const error of [new NotFound('NONE', `none: ${key}`), new UnprocessableEvent('NONE', `none: ${key}`)]) {
      const refusal = toRefusal(error, 0);
      expect(refusal).toBeInstanceOf(UnprocessableEvent);
      expect(refusal).toMatchObject({ reason: 'NONE', message: 'none: [removed]' });
    }
  });

  it('never refuses because something is away, however long', () => {
    const away = new Unavailable('AWAY', 'away');
    expect(toRefusal(away, 86_400_000)).toBe(away);
  });

  it('has patience with what it cannot explain, but not for ever: one record must not hold up the others', () => {
    const fault = new TypeError('a fault');
    expect(toRefusal(fault, 60_000)).toBe(fault);
    expect(toRefusal(fault, 301_000)).toMatchObject({ reason: 'RECORD_UNREADABLE' });
  });
});
