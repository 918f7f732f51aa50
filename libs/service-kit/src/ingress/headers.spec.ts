import type { BusRecord } from '@q2/events';
import fc from 'fast-check';
import { readHeaders } from './headers.js';

const headers = {
  ce_specversion: '1.0',
  ce_id: 'order-7',
  ce_source: '/shop',
  ce_type: 'q2.schedules.v1.EmitEventRequest',
  q2_tenant: 'acme',
  authorization: 'Bearer secret-of-mine',
  'content-type': 'application/json',
};
const record = (change: Readonly<Record<string, string>> = {}, key = 'k'): BusRecord => ({
  ...{ topic: 't', key, headers: { ...headers, ...change }, value: new Uint8Array() },
  ...{ partition: 0, offset: '0', storedAt: new Date(0) },
});
const refusalOf = (broken: BusRecord): string => {
  try {
    readHeaders(broken);
    return '';
  } catch (error) {
    return String(error);
  }
};

describe('readHeaders', () => {
  it('reads what a record says of itself', () => {
    expect(readHeaders(record())).toEqual({
      ...{ id: 'order-7', source: '/shop', type: 'q2.schedules.v1.EmitEventRequest', tenant: 'acme', credential: 'secret-of-mine' },
      ...{ subject: undefined, time: undefined },
    });
    const more = record({ ce_subject: 'a subject', ce_time: '2026-05-01T09:30:00.5+02:00', authorization: 'bearer x', other: '\0' });
    expect(readHeaders(more)).toMatchObject({ subject: 'a subject', time: new Date('2026-05-01T07:30:00.5Z'), credential: 'x' });
  });

  it('takes JSON in UTF-8 however it is spelled', () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset=UTF-8'])
      expect(readHeaders(record({ 'content-type': type })).id).toBe('order-7');
  });

  it.each([
    ['ce_id', 'x'.repeat(201)],
    ['ce_id', 'a\nb'],
    ['ce_source', 'two words'],
    ['ce_type', 'no type'],
    ['q2_tenant', 'acme/'],
    ['q2_tenant', 'a'.repeat(64)],
    ['authorization', 'Bearer two words'],
    ['authorization', `Bearer ${'x'.repeat(9_000)}`],
    ['content-type', 'application/json; charset=latin1'],
    ['ce_subject', ''],
    ['ce_time', 'yesterday'],
    ['ce_time', '2026-02-30T00:00:00Z'],
  ])('refuses %s %j by its name', (name, value) => {
    expect(refusalOf(record({ [name]: value }))).toMatch(new RegExp(`^UnprocessableEvent: ${name}: must `));
  });

  it('refuses a key that is too long or holds control characters', () => {
    for (const key of ['x'.repeat(401), 'a\tb']) expect(refusalOf(record({}, key))).toContain('key: must be at most 400 characters');
  });

  it('tells every problem at once, and no value', () => {
    const said = refusalOf({ ...record(), headers: { authorization: 'secret-of-mine', ce_id: 'also\0secret' } });
    for (const name of Object.keys(headers)) expect(said).toContain(`${name}: must`);
    expect(said).not.toContain('secret');
  });

  it('gives times that can be written down, whatever it is told', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        ),
        (text) => {
          const broken = record({ ce_time: text });
          if (refusalOf(broken) === '') expect(readHeaders(broken).time?.toISOString()).toEqual(expect.any(String));
        },
      ),
    );
  });
});
