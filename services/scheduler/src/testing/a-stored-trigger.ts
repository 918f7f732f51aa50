import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { schedules } from '@q2/contracts';
import type { Trigger } from '../triggers/trigger.js';

type SpecInit = MessageInitShape<typeof schedules.TriggerSchema>;

/** A spec that starts the workflow `nightly` every minute, unless told otherwise. */
export function aTrigger(more: SpecInit = {}): schedules.Trigger {
  return create(schedules.TriggerSchema, {
    condition: { case: 'cron', value: { expression: '* * * * *' } },
    action: { case: 'startWorkflow', value: { workflow: 'tenants/acme/workflows/nightly', input: { at: '${firing.time}' } } },
    ...more,
  });
}

/** A trigger as it is stored, with a spec like {@link aTrigger}. */
export function aStoredTrigger(spec: SpecInit = {}, more: Partial<Trigger> = {}): Trigger {
  const createdAt = new Date('2026-01-01T00:00:00Z');
  return {
    tenant: 'acme',
    uid: '018f2f4e-9d2a-7c3b-8a1f-0123456789ab',
    id: 'nightly',
    spec: aTrigger(spec),
    isPaused: false,
    nextFireAt: undefined,
    lastFireAt: undefined,
    runCount: 0,
    version: 1,
    createdAt,
    updatedAt: createdAt,
    ...more,
  };
}
