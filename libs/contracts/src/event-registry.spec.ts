import { eventRegistry, eventTopics } from './event-registry.js';

describe('eventRegistry', () => {
  it('finds an event by its full name, and no other message', () => {
    expect(eventRegistry.getMessage('q2.audit.events.v1.AuditRecorded')?.fields.map((field) => field.name)).toContain('resource_name');
    expect(eventRegistry.getMessage('q2.audit.events.v1.NeverHappened')).toBeUndefined();
  });

  it('lists each topic once', () => {
    expect(eventTopics).toEqual([...new Set(eventTopics)]);
    expect(eventTopics).toEqual(expect.arrayContaining(['q2.audit.events.v1', 'q2.usage.events.v1']));
    expect(eventTopics.every((topic) => /^q2\.[a-z]+\.events\.v\d+$/.test(topic))).toBe(true);
  });
});
