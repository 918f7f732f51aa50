import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { schedules } from '@q2/contracts';
import { aStoredTrigger, aTrigger } from '../testing/a-stored-trigger.js';
import { upcoming } from '../times/schedule.js';
import { checkTrigger, eventTypeProblems } from './trigger-check.js';
import { applyMask } from './trigger-mask.js';
import { specOf, toTriggerProto } from './trigger-row.js';
import {
  catchUpWindowMs,
  dependencyWindowMs,
  firesByTime,
  isWithinBounds,
  listensTo,
  scheduleOf,
  startAttemptsMax,
  triggerState,
} from './trigger.js';

const { GapPolicy, RepeatPolicy, TriggerState } = schedules;
const createdAt = new Date('2026-01-01T00:00:00Z');
const at = (time: string) => timestampFromDate(new Date(time));
type SpecInit = MessageInitShape<typeof schedules.TriggerSchema>;

describe('scheduleOf', () => {
  const times = (spec: SpecInit, after: string, count = 2) =>
    upcoming(scheduleOf(aTrigger(spec), createdAt), Date.parse(after), count).map((ms) => new Date(ms).toISOString());
  const berlin = { expression: '30 2 * * *', timeZone: 'Europe/Berlin' };
  const cron = (value: MessageInitShape<typeof schedules.CronConditionSchema>) => ({ condition: { case: 'cron' as const, value } });

  it('reads cron in UTC by default, and in its zone with the policies it names', () => {
    expect(times(cron({ expression: '30 2 * * *' }), '2026-03-28T12:00:00Z', 1)).toEqual(['2026-03-29T02:30:00.000Z']);
    expect(times(cron(berlin), '2026-03-28T12:00:00Z', 1)).toEqual(['2026-03-29T01:00:00.000Z']);
    expect(times(cron({ ...berlin, gapPolicy: GapPolicy.SKIP }), '2026-03-28T12:00:00Z', 1)).toEqual(['2026-03-30T00:30:00.000Z']);
    expect(times(cron({ ...berlin, repeatPolicy: RepeatPolicy.BOTH }), '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:30:00.000Z',
    ]);
  });

  it('anchors an interval where it says, or at the creation', () => {
    const interval = (value: MessageInitShape<typeof schedules.IntervalConditionSchema>) => ({
      condition: { case: 'interval' as const, value },
    });
    const every = durationFromMs(90_000);
    expect(times(interval({ every }), '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-01T00:01:30.000Z']);
    expect(times(interval({ every, anchorTime: at('2026-01-01T00:00:10Z') }), '2026-01-01T00:00:00Z')).toEqual([
      '2026-01-01T00:00:10.000Z',
      '2026-01-01T00:01:40.000Z',
    ]);
  });

  it('keeps to start and end', () => {
    const bounds = { startTime: at('2026-01-02T00:00:00Z'), endTime: at('2026-01-02T00:02:00Z') };
    expect(times(bounds, '2026-01-01T00:00:00Z', 5)).toEqual(['2026-01-02T00:00:00.000Z', '2026-01-02T00:01:00.000Z']);
  });

  it('has no times where none can be', () => {
    expect(times({ condition: { case: 'once', value: {} } }, '2026-01-01T00:00:00Z')).toEqual([]);
    expect(times({ condition: { case: 'event', value: {} } }, '2026-01-01T00:00:00Z')).toEqual([]);
    expect(times({ condition: { case: 'interval', value: {} } }, '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-02T00:00:00.000Z']);
  });
});

describe('a trigger', () => {
  it('has defaults', () => {
    expect([catchUpWindowMs(aTrigger()), startAttemptsMax(aTrigger())]).toEqual([86_400_000, 10]);
    expect(catchUpWindowMs(aTrigger({ catchUpWindow: durationFromMs(5000) }))).toBe(5000);
    expect(startAttemptsMax(aTrigger({ maxStartAttempts: 3 }))).toBe(3);
    expect(dependencyWindowMs(create(schedules.DependencyConditionSchema))).toBe(86_400_000);
  });

  it('listens to types of events or to workflows', () => {
    const workflow = 'tenants/acme/workflows/w';
    expect(listensTo(aTrigger({ condition: { case: 'event', value: { eventTypes: ['a.b', 'a.b'] } } }))).toEqual(['a.b']);
    expect(listensTo(aTrigger({ condition: { case: 'dependency', value: { workflows: [{ workflow }] } } }))).toEqual([workflow]);
    expect(listensTo(aTrigger())).toEqual([]);
    expect([aTrigger(), aTrigger({ condition: { case: 'event', value: {} } })].map(firesByTime)).toEqual([true, false]);
  });

  it('lies within its bounds from its start on and before its end', () => {
    const spec = aTrigger({ startTime: timestampFromMs(10), endTime: timestampFromMs(20) });
    expect([9, 10, 19, 20].map((ms) => isWithinBounds(spec, new Date(ms)))).toEqual([false, true, true, false]);
    expect(isWithinBounds(aTrigger(), createdAt)).toBe(true);
  });

  it('is active, paused or finished', () => {
    const event = { condition: { case: 'event' as const, value: {} } };
    const state = (...parts: Parameters<typeof aStoredTrigger>) => triggerState(aStoredTrigger(...parts), createdAt);
    expect(state({}, { nextFireAt: createdAt })).toBe(TriggerState.ACTIVE);
    expect(state({})).toBe(TriggerState.FINISHED);
    expect(state({}, { isPaused: true })).toBe(TriggerState.PAUSED);
    expect(state({ maxRuns: 1 }, { isPaused: true, runCount: 1 })).toBe(TriggerState.FINISHED);
    expect(state(event)).toBe(TriggerState.ACTIVE);
    expect(state({ ...event, endTime: timestampFromDate(createdAt) })).toBe(TriggerState.FINISHED);
  });

  it('shows what was set and what became of it', () => {
    const lastFireAt = new Date('2026-01-01T05:00:00Z');
    const proto = toTriggerProto(
      aStoredTrigger({ displayName: 'Nightly' }, { lastFireAt, nextFireAt: lastFireAt, runCount: 2 }),
      createdAt,
    );
    expect(proto).toMatchObject({
      name: 'tenants/acme/triggers/nightly',
      displayName: 'Nightly',
      lastFireTime: timestampFromDate(lastFireAt),
      nextFireTime: timestampFromDate(lastFireAt),
      runCount: 2,
      etag: '1',
    });
  });
});

describe('checkTrigger', () => {
  const fieldsOf = (spec: SpecInit): string[] => {
    try {
      checkTrigger(aTrigger(spec));
      return [];
    } catch (error) {
      return error instanceof Error && 'violations' in error && Array.isArray(error.violations)
        ? error.violations.map(({ field }) => String(field))
        : ['?'];
    }
  };
  const event = (value: MessageInitShape<typeof schedules.EventConditionSchema>) => ({ condition: { case: 'event' as const, value } });
  const every = (ms: number) => ({ condition: { case: 'interval' as const, value: { every: durationFromMs(ms) } } });
  const input = (value: string) => ({ action: { case: 'startWorkflow' as const, value: { workflow: 'w', input: { deep: [value] } } } });
  const emit = (value: MessageInitShape<typeof schedules.EmitEventActionSchema>) => ({ action: { case: 'emitEvent' as const, value } });
  const workflows = [{ workflow: 'a' }, { workflow: 'a' }];

  it.each<[string, SpecInit, string[]]>([
    ['an ordinary trigger', {}, []],
    ['a bad cron expression', { condition: { case: 'cron', value: { expression: 'nonsense' } } }, ['trigger.cron.expression']],
    ['an interval under a second', every(999), ['trigger.interval.every']],
    ['an interval of a second', every(1000), []],
    ['an interval over a year', every(367 * 86_400_000), ['trigger.interval.every']],
    ['a filter', event({ eventTypes: ['a.b'], filter: 'event.data.n > 1' }), []],
    ['a filter that is no expression', event({ eventTypes: ['a.b'], filter: 'event.' }), ['trigger.event.filter']],
    ['a filter over what is not there', event({ eventTypes: ['a.b'], filter: 'order.n > 1' }), ['trigger.event.filter']],
    ['a type that the platform has', event({ eventTypes: ['q2.models.events.v1.VersionPromoted'] }), []],
    ['a type that the platform lacks', event({ eventTypes: ['a.b', 'q2.models.events.v1.Promoted'] }), ['trigger.event.event_types[1]']],
    ['a workflow named twice', { condition: { case: 'dependency', value: { workflows } } }, ['trigger.dependency.workflows']],
    [
      'a window over a month',
      { condition: { case: 'dependency', value: { workflows: [], window: durationFromMs(32 * 86_400_000) } } },
      ['trigger.dependency.window'],
    ],
    ['a template that is not closed', input('${event'), ['trigger.start_workflow.input']],
    ['a template that is no expression', input('${1 +}'), ['trigger.start_workflow.input.deep[0]']],
    ['a template over what is not there', input('${order.id}'), ['trigger.start_workflow.input.deep[0]']],
    ['no input', { action: { case: 'startWorkflow', value: { workflow: 'w' } } }, []],
    ['an event of the platform', emit({ eventType: 'Q2.models.x' }), ['trigger.emit_event.event_type']],
    [
      'a bad subject and data',
      emit({ eventType: 'a.b', subject: '${', data: { a: '${)}' } }),
      ['trigger.emit_event.subject', 'trigger.emit_event.data.a'],
    ],
    ['no action', { action: { case: undefined } }, ['trigger.action']],
    ['no condition', { condition: { case: undefined } }, ['trigger.condition']],
    ['a catch-up window of nothing', { catchUpWindow: durationFromMs(0) }, ['trigger.catch_up_window']],
    ['an end before its start', { startTime: timestampFromMs(2), endTime: timestampFromMs(1) }, ['trigger.end_time']],
    ['an end after its start', { startTime: timestampFromMs(1), endTime: timestampFromMs(2) }, []],
  ])('%s', (_, spec, fields) => {
    expect(fieldsOf(spec)).toEqual(fields);
  });

  it('names the type that nobody else may tell of', () => {
    expect(eventTypeProblems('type', 'orders.placed')).toEqual([]);
    expect(eventTypeProblems('type', 'q2.a.B')).toEqual([
      expect.objectContaining({ field: 'type', description: expect.stringContaining('q2.a.B') }),
    ]);
  });
});

describe('applyMask', () => {
  const current = aTrigger({ displayName: 'Old', maxRuns: 3, startTime: timestampFromMs(5) });

  it('changes the fields named, and no others', () => {
    const changed = applyMask(current, aTrigger({ displayName: 'New', maxRuns: 9, endTime: timestampFromMs(9) }), [
      'display_name',
      'start_time',
      'end_time',
    ]);
    expect(changed).toMatchObject({ displayName: 'New', maxRuns: 3, endTime: timestampFromMs(9) });
    expect(changed.startTime).toBeUndefined();
    expect(current.startTime).toBeDefined();
  });

  it('replaces condition and action as wholes', () => {
    const change = aTrigger({ condition: { case: 'once', value: {} }, action: { case: 'emitEvent', value: { eventType: 'a.b' } } });
    expect(applyMask(current, change, ['once', 'emit_event'])).toMatchObject({
      condition: { case: 'once' },
      action: { case: 'emitEvent' },
      displayName: 'Old',
    });
  });

  it('replaces all that callers may set where no field is named, and nothing that the server says', () => {
    const all = specOf(aTrigger({ name: 'n', etag: 'e', runCount: 7, labels: { a: 'b' }, maxStartAttempts: 2 }));
    expect(all).toMatchObject({ name: '', etag: '', runCount: 0, labels: { a: 'b' }, maxStartAttempts: 2 });
  });

  it('refuses what cannot be changed', () => {
    expect(() => applyMask(current, aTrigger(), ['run_count'])).toThrow(/'run_count' cannot be changed/);
  });
});
