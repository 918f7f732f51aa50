import { schedules } from '@q2/contracts';
import { aStoredTrigger } from '../testing/a-stored-trigger.js';
import { hopsMax } from '../triggers/trigger.js';
import { decideFirings, eventKey, firingId, timeKey, type Cause } from './firing.js';

const { OverlapPolicy } = schedules;
const nominalAt = new Date('2026-03-01T04:30:00Z');
const cause = (key: string, more: Partial<Cause> = {}): Cause => ({ key, nominalAt, hops: 0, ...more });

describe('timeKey', () => {
  it('is the time in ISO 8601 basic form, with a fraction only where there is one', () => {
    expect(timeKey(Date.parse('2026-03-01T04:30:00Z'))).toBe('20260301T043000Z');
    expect(timeKey(Date.parse('2026-03-01T04:30:00.250Z'))).toBe('20260301T043000.250Z');
  });
});

describe('eventKey', () => {
  it('keeps ids that can stand in a name, and replaces others by their hash', () => {
    expect(eventKey('018f2f4e-9d2a')).toBe('event-018f2f4e-9d2a');
    expect(eventKey('a/b')).toMatch(/^event-[0-9a-f]{64}$/);
    expect(eventKey('a/b')).not.toBe(eventKey('a/c'));
  });
});

describe('firingId', () => {
  it('is a UUID that trigger and key alone decide', () => {
    const id = firingId('u1', 'k1');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(firingId('u1', 'k1')).toBe(id);
    expect(new Set([id, firingId('u1', 'k2'), firingId('u2', 'k1')]).size).toBe(3);
  });
});

describe('decideFirings', () => {
  it('fills in the templates and names the execution beforehand', () => {
    const input = { day: '${firing.time}', trigger: '${trigger.name}', list: [{ n: '${firing.hops + 1}' }], flag: true };
    const trigger = aStoredTrigger({ action: { case: 'startWorkflow', value: { workflow: 'tenants/acme/workflows/w', input } } });
    const [firing] = decideFirings(trigger, [cause('k')], false);
    expect(firing).toMatchObject({
      state: 'PENDING',
      execution: `tenants/acme/executions/firing-${firing?.id ?? ''}`,
      causeEventId: undefined,
      action: {
        kind: 'start-workflow',
        input: { day: '2026-03-01T04:30:00.000Z', trigger: 'tenants/acme/triggers/nightly', list: [{ n: 1 }], flag: true },
      },
    });
  });

  it('emits an event whose subject is always text', () => {
    const value = { eventType: 'a.b', subject: '${event.data}', data: { id: '${event.id}' } };
    const trigger = aStoredTrigger({ action: { case: 'emitEvent', value } });
    const [firing] = decideFirings(trigger, [cause('k', { event: { id: 'e1', data: { n: 1 } } })], false);
    expect(firing).toMatchObject({
      causeEventId: 'e1',
      execution: undefined,
      action: { kind: 'emit-event', type: 'a.b', subject: '{"n":1}', data: { id: 'e1' } },
    });
  });

  it('needs no input or data', () => {
    const workflow = 'tenants/acme/workflows/w';
    const bare = aStoredTrigger({ action: { case: 'startWorkflow', value: { workflow } } });
    expect(decideFirings(bare, [cause('k')], false)[0]?.action).toEqual({ kind: 'start-workflow', workflow, input: {} });
    const quiet = aStoredTrigger({ action: { case: 'emitEvent', value: { eventType: 'a.b' } } });
    expect(decideFirings(quiet, [cause('k')], false)[0]?.action).toEqual({ kind: 'emit-event', type: 'a.b', subject: '', data: {} });
  });

  it('makes no more firings than max_runs allows', () => {
    const trigger = aStoredTrigger({ maxRuns: 5 }, { runCount: 3 });
    expect(
      decideFirings(
        trigger,
        ['a', 'b', 'c'].map((key) => cause(key)),
        false,
      ).map(({ key }) => key),
    ).toEqual(['a', 'b']);
  });

  it('skips what overlaps, also within one batch, and does not count it', () => {
    const trigger = aStoredTrigger({ overlapPolicy: OverlapPolicy.SKIP, maxRuns: 1 });
    const states = (isBusy: boolean) => decideFirings(trigger, [cause('a'), cause('b')], isBusy).map(({ state }) => state);
    expect(states(true)).toEqual(['SKIPPED', 'SKIPPED']);
    expect(states(false)).toEqual(['PENDING']);
    const unlimited = aStoredTrigger({ overlapPolicy: OverlapPolicy.SKIP });
    expect(decideFirings(unlimited, [cause('a'), cause('b')], false).map(({ reason }) => reason)).toEqual(['', 'OVERLAP']);
  });

  it('ends chains of firings that cause each other', () => {
    const trigger = aStoredTrigger();
    expect(decideFirings(trigger, [cause('a', { hops: hopsMax })], false)).toMatchObject([{ state: 'SKIPPED', reason: 'TOO_MANY_HOPS' }]);
    expect(decideFirings(trigger, [cause('a', { hops: hopsMax - 1 })], false)).toMatchObject([{ state: 'PENDING' }]);
  });

  it('fails where a template cannot be filled in, or there is nothing to do', () => {
    const value = { workflow: 'tenants/acme/workflows/w', input: { a: '${event.data.a}' } };
    const trigger = aStoredTrigger({ action: { case: 'startWorkflow', value } });
    expect(decideFirings(trigger, [cause('a')], false)).toMatchObject([
      { state: 'FAILED', reason: 'EXPRESSION_FAILED', action: undefined },
    ]);
    const idle = aStoredTrigger({ action: { case: undefined } });
    expect(decideFirings(idle, [cause('a')], false)).toMatchObject([{ state: 'FAILED', reason: 'ACTION_MISSING' }]);
  });

  it('fails where the templates give too much, or what cannot be kept', () => {
    const emit = (data: string) => aStoredTrigger({ action: { case: 'emitEvent', value: { eventType: 'a.b', data: { text: data } } } });
    const start = (text: string) => aStoredTrigger({ action: { case: 'startWorkflow', value: { workflow: 'w', input: { text } } } });
    const reasonOf = (trigger: ReturnType<typeof aStoredTrigger>, text: string) =>
      decideFirings(trigger, [cause('a', { event: { text } })], false)[0]?.reason;
    expect(reasonOf(emit('${event.text}'), 'x'.repeat(65_000))).toBe('');
    expect(reasonOf(emit('${event.text}'), 'x'.repeat(66_000))).toBe('TEMPLATE_TOO_LARGE');
    expect(reasonOf(start('${event.text}'), 'x'.repeat(66_000))).toBe('');
    expect(reasonOf(start('${event.text}'), 'x'.repeat(270_000))).toBe('TEMPLATE_TOO_LARGE');
    expect(reasonOf(start('${event.text}'), 'a\0b')).toBe('TEMPLATE_HOLDS_NUL');
  });

  it('lets faults of its own through', () => {
    const broken = cause('a', { nominalAt: new Date(Number.NaN) });
    expect(() => decideFirings(aStoredTrigger(), [broken], false)).toThrow(RangeError);
  });
});
