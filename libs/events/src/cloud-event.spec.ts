import fc from 'fast-check';
import { fromBusMessage, toBusMessage, type OutgoingEvent } from './cloud-event.js';

const event: OutgoingEvent = {
  id: '0198c5a0-0000-7000-8000-000000000000',
  type: 'q2.models.events.v1.VersionPromoted',
  source: 'services/model-registry',
  key: 'tenants/acme/models/churn',
  tenant: 'acme',
  time: new Date('2026-11-22T16:00:00.123Z'),
  data: Buffer.from([1, 2, 3]),
  topic: 'q2.models.events.v1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=1',
};

describe('toBusMessage', () => {
  it('writes the binary mode of CloudEvents 1.0', () => {
    expect(toBusMessage(event)).toEqual({
      topic: 'q2.models.events.v1',
      key: 'tenants/acme/models/churn',
      value: Buffer.from([1, 2, 3]),
      headers: {
        'content-type': 'application/protobuf',
        ce_specversion: '1.0',
        ce_id: '0198c5a0-0000-7000-8000-000000000000',
        ce_type: 'q2.models.events.v1.VersionPromoted',
        ce_source: 'services/model-registry',
        ce_tenant: 'acme',
        ce_time: '2026-11-22T16:00:00.123Z',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'vendor=1',
      },
    });
  });

  it('names no trace where there is none', () => {
    const { traceparent: _parent, tracestate: _state, ...untraced } = event;
    expect(Object.keys(toBusMessage(untraced).headers).filter((name) => name.startsWith('trace'))).toEqual([]);
  });
});

describe('an event of a producer outside', () => {
  it('says what it is about, who sent it and how its data is written', () => {
    const from = { ...event, subject: 'order-7', principal: 'tenants/acme/apiKeys/k1', contentType: 'application/json' };
    const message = toBusMessage(from);
    expect(message.headers).toMatchObject({
      'content-type': 'application/json',
      ce_subject: 'order-7',
      q2_principal: 'tenants/acme/apiKeys/k1',
    });
    expect(fromBusMessage(message)).toMatchObject({ subject: 'order-7', principal: 'tenants/acme/apiKeys/k1' });
  });
});

describe('fromBusMessage', () => {
  it('reads what was written, whatever the key and the data', () => {
    const keys = fc.string({ minLength: 1, maxLength: 200 }).filter((key) => !/\p{Cc}/u.test(key));
    fc.assert(
      fc.property(keys, fc.uint8Array(), (key, data) => {
        const { topic: _topic, tracestate: _state, ...expected } = { ...event, key, data };
        expect(fromBusMessage(toBusMessage({ ...event, key, data }))).toEqual(expected);
      }),
    );
  });

  it.each([
    ['ce_id', ''],
    ['ce_id', 'a\0b'],
    ['ce_type', 'x'.repeat(513)],
    ['ce_specversion', '0.3'],
    ['ce_tenant', 'Acme/../'],
    ['ce_time', 'yesterday'],
  ])('refuses %s %j and names it', (name, value) => {
    const message = toBusMessage(event);
    const refused = () => fromBusMessage({ ...message, headers: { ...message.headers, [name]: value } });
    expect(refused).toThrow(expect.objectContaining({ reason: 'EVENT_ENVELOPE_INVALID', message: expect.stringContaining(`${name}: `) }));
  });

  it('refuses a record without key, and names every problem at once', () => {
    const refused = () => fromBusMessage({ ...toBusMessage(event), key: '', headers: {} });
    expect(refused).toThrow(/ce_specversion.*ce_id.*ce_tenant.*key: /);
  });
});
