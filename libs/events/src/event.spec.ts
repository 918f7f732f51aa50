import { create, toBinary } from '@bufbuild/protobuf';
import { auditEvents } from '@q2/contracts';
import { deadLetterTopicOf, decodeEvent, eventJson, topicOf, type ReceivedEvent } from './event.js';

const schema = auditEvents.UsageRecordedSchema;

function received(change: Partial<ReceivedEvent> = {}): ReceivedEvent {
  const data = toBinary(schema, create(schema, { tenant: 'acme', resource: 'predictions', quantity: 3n }));
  return { id: '1', type: schema.typeName, source: 's', key: 'k', tenant: 'acme', time: new Date(0), data, ...change };
}

describe('topicOf', () => {
  it('is the package that declares the fact', () => {
    expect(topicOf(schema)).toBe('q2.usage.events.v1');
    expect(deadLetterTopicOf(topicOf(schema))).toBe('q2.usage.events.v1.dlq');
  });
});

describe('decodeEvent', () => {
  it('gives the message', () => {
    expect(decodeEvent(schema, received())).toMatchObject({ tenant: 'acme', resource: 'predictions', quantity: 3n });
  });

  it('refuses another type and broken data, each with its reason', () => {
    expect(() => decodeEvent(auditEvents.AuditRecordedSchema, received())).toThrow(
      expect.objectContaining({ reason: 'EVENT_TYPE_MISMATCH' }),
    );
    expect(() => decodeEvent(schema, received({ data: Buffer.from([0xff]) }))).toThrow(
      expect.objectContaining({ reason: 'EVENT_DATA_UNREADABLE' }),
    );
  });
});

describe('eventJson', () => {
  it('decodes any declared type by its name', () => {
    expect(eventJson(received())).toEqual({ tenant: 'acme', resource: 'predictions', quantity: '3' });
  });

  it('refuses a type that nobody declares', () => {
    expect(() => eventJson(received({ type: 'q2.usage.events.v1.Nothing' }))).toThrow(
      expect.objectContaining({ reason: 'EVENT_TYPE_UNKNOWN' }),
    );
  });
});
