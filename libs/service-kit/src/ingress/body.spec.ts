import { schedules } from '@q2/contracts';
import fc from 'fast-check';
import { UnprocessableEvent } from '@q2/events';
import { readBody } from './body.js';

const read = (text: string | Uint8Array) => readBody(schedules.EmitEventRequestSchema, Buffer.from(text));
const reasonOf = (text: string | Uint8Array): string => {
  try {
    read(text);
    return 'read';
  } catch (error) {
    return error instanceof UnprocessableEvent ? error.reason : String(error);
  }
};

describe('readBody', () => {
  it('reads the JSON form of the message, by either spelling of its fields', () => {
    for (const name of ['eventId', 'event_id'])
      expect(read(`{"${name}": "1", "event": {"data": {"a": [1, null]}}}`)).toMatchObject({ eventId: '1' });
  });

  it.each([
    ['', 'BODY_NOT_JSON'],
    ['{', 'BODY_NOT_JSON'],
    [Buffer.from([0x22, 0xff, 0x22]), 'BODY_NOT_JSON'],
    ['null', 'BODY_INVALID'],
    ['7', 'BODY_INVALID'],
    ['{"unknown": 1}', 'BODY_INVALID'],
    ['{"event": []}', 'BODY_INVALID'],
    ['{"event": {"time": "yesterday"}}', 'BODY_INVALID'],
    [`{"event": {"data": ${'{"a":'.repeat(60)}1${'}'.repeat(60)}}}`, 'BODY_INVALID'],
    [' '.repeat(524_289), 'BODY_TOO_LARGE'],
  ])('refuses %j as %s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  it('refuses or reads whatever it is given, and never fails otherwise', () => {
    const refusals = ['read', 'BODY_NOT_JSON', 'BODY_INVALID'];
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((json) => `{"event": {"data": ${json}}}`),
        ),
        (text) => refusals.includes(reasonOf(text)),
      ),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => refusals.includes(reasonOf(bytes))));
  });
});
