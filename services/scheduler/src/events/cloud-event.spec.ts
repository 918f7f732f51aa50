import { scheduleEvents, workflowEvents } from '@q2/contracts';
import { aStoredTrigger } from '../testing/a-stored-trigger.js';
import { toCloudEvent, toExecutionEnd, type BusEvent } from './cloud-event.js';
import { matchOf } from './matching.js';

const time = new Date('2026-01-01T00:00:00Z');

function busEvent(more: Partial<BusEvent>): BusEvent {
  return {
    id: 'e1',
    type: 'q2.models.events.v1.VersionPromoted',
    source: 'services/model-registry',
    key: 'tenants/acme/models/m',
    tenant: 'acme',
    time,
    data: {},
    ...more,
  };
}

const emitted = scheduleEvents.EventEmittedSchema.typeName;

describe('toCloudEvent', () => {
  it('shows an event of the platform as it is, about its key', () => {
    const { variables, hops, execution, trigger } = toCloudEvent(busEvent({ data: { model: 'm' } }));
    expect(variables).toEqual({
      id: 'e1',
      type: 'q2.models.events.v1.VersionPromoted',
      source: 'services/model-registry',
      subject: 'tenants/acme/models/m',
      tenant: 'acme',
      time: '2026-01-01T00:00:00.000Z',
      data: { model: 'm' },
    });
    expect({ hops, execution, trigger }).toEqual({ hops: 0, execution: undefined, trigger: undefined });
  });

  it('shows an emitted event as what it tells of', () => {
    const data = {
      eventId: 'x',
      type: 'orders.placed',
      source: 'shop',
      subject: 'o1',
      time: '2025-05-05T00:00:00Z',
      data: { n: 1 },
      hops: 3,
    };
    expect(toCloudEvent(busEvent({ type: emitted, data }))).toMatchObject({
      id: 'x',
      type: 'orders.placed',
      hops: 3,
      variables: { id: 'x', source: 'shop', subject: 'o1', time: '2025-05-05T00:00:00.000Z', data: { n: 1 } },
    });
  });

  it('falls back on the envelope for what an emitted event leaves out', () => {
    const data = { type: 'orders.placed', data: [1] };
    expect(toCloudEvent(busEvent({ type: emitted, data })).variables).toMatchObject({
      id: 'e1',
      source: 'services/model-registry',
      subject: '',
      time: time.toISOString(),
      data: {},
    });
    expect(toCloudEvent(busEvent({ type: emitted, data: {} })).type).toBe(emitted);
  });

  it('shows what a step of a workflow emitted, from its execution', () => {
    const data = { type: 'a.b', execution: 'tenants/acme/executions/x', emitTime: '2025-05-05T00:00:00Z' };
    const event = toCloudEvent(busEvent({ type: workflowEvents.EventEmittedSchema.typeName, data }));
    expect(event).toMatchObject({
      type: 'a.b',
      execution: data.execution,
      variables: { source: data.execution, time: '2025-05-05T00:00:00.000Z' },
    });
  });

  it('lets nobody pass off an event as one of the platform', () => {
    const data = { type: 'q2.models.events.v1.VersionPromoted' };
    expect(toCloudEvent(busEvent({ type: emitted, data })).type).toBe(emitted);
  });

  it('counts a firing as a hop', () => {
    const data = { trigger: 'tenants/acme/triggers/t', hops: 2 };
    expect(toCloudEvent(busEvent({ type: scheduleEvents.TriggerFiredSchema.typeName, data }))).toMatchObject({
      hops: 3,
      trigger: data.trigger,
    });
  });
});

describe('toExecutionEnd', () => {
  it('reads how an execution of a workflow ended, whatever its version', () => {
    const type = workflowEvents.ExecutionFailedSchema.typeName;
    const data = { execution: 'tenants/acme/executions/x', workflow: 'tenants/acme/workflows/w/versions/2' };
    expect(toExecutionEnd(busEvent({ type, data }))).toEqual({
      execution: data.execution,
      workflow: 'tenants/acme/workflows/w',
      state: 'FAILED',
    });
    expect(toExecutionEnd(busEvent({ type, data: { ...data, workflow: 'tenants/acme/workflows/w' } }))?.workflow).toBe(
      'tenants/acme/workflows/w',
    );
    expect(toExecutionEnd(busEvent({ type }))).toBeUndefined();
    expect(toExecutionEnd(busEvent({ data }))).toBeUndefined();
  });
});

describe('matchOf', () => {
  const event = toCloudEvent(busEvent({ type: emitted, data: { type: 'a.b', data: { n: 1 } } }));
  const onEvent = (filter: string, ...more: Parameters<typeof aStoredTrigger>) =>
    aStoredTrigger({ condition: { case: 'event', value: { eventTypes: ['a.b'], filter } }, ...more[0] }, more[1]);
  const match = (trigger: ReturnType<typeof aStoredTrigger>) => matchOf(trigger, { event, end: undefined, now: time });

  it('fires on the types and where the filter is true', () => {
    expect(match(onEvent(''))).toBe('fires');
    expect(match(onEvent('event.data.n == 1'))).toBe('fires');
    expect(match(onEvent('event.data.n == 2'))).toBeUndefined();
    expect(match(onEvent('event.data.missing == 2'))).toBeUndefined();
    expect(match(aStoredTrigger({ condition: { case: 'event', value: { eventTypes: ['c.d'] } } }))).toBeUndefined();
  });

  it('means nothing to a trigger that is paused, used up, out of bounds or waits for time', () => {
    expect(match(onEvent('', {}, { isPaused: true }))).toBeUndefined();
    expect(match(onEvent('', { maxRuns: 1 }, { runCount: 1 }))).toBeUndefined();
    expect(match(onEvent('', { endTime: { seconds: 0n } }))).toBeUndefined();
    expect(match(aStoredTrigger())).toBeUndefined();
  });
});
