import { create, fromJson, toJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { schedules } from '@q2/contracts';
import { applyMask } from './trigger-mask.js';
import { triggerState, type Trigger } from './trigger.js';

const { TriggerSchema, triggerName } = schedules;

/** A row of the table `trigger`. */
export interface TriggerRow {
  readonly tenant_id: string;
  readonly uid: string;
  readonly id: string;
  readonly spec: JsonValue;
  readonly is_paused: boolean;
  readonly next_fire_at: Date | null;
  readonly last_fire_at: Date | null;
  readonly run_count: number;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export const triggerColumns = 'tenant_id, uid, id, spec, is_paused, next_fire_at, last_fire_at, run_count, version, created_at, updated_at';

export function toTrigger(row: TriggerRow): Trigger {
  return {
    tenant: row.tenant_id,
    uid: row.uid,
    id: row.id,
    spec: fromJson(TriggerSchema, row.spec, { ignoreUnknownFields: true }),
    isPaused: row.is_paused,
    nextFireAt: row.next_fire_at ?? undefined,
    lastFireAt: row.last_fire_at ?? undefined,
    runCount: row.run_count,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** What callers set, and nothing of what the server says. */
export function specOf(given: schedules.Trigger): schedules.Trigger {
  return applyMask(create(TriggerSchema), given, []);
}

/** A spec as it is stored. */
export function specJson(spec: schedules.Trigger): JsonValue {
  return toJson(TriggerSchema, spec);
}

/** A trigger as the API shows it. */
export function toTriggerProto(trigger: Trigger, now: Date): MessageInitShape<typeof TriggerSchema> {
  const { spec, nextFireAt, lastFireAt } = trigger;
  return {
    ...spec,
    name: triggerName.format({ tenant: trigger.tenant, trigger: trigger.id }),
    state: triggerState(trigger, now),
    ...(nextFireAt && !trigger.isPaused && { nextFireTime: timestampFromDate(nextFireAt) }),
    ...(lastFireAt && { lastFireTime: timestampFromDate(lastFireAt) }),
    runCount: trigger.runCount,
    createTime: timestampFromDate(trigger.createdAt),
    updateTime: timestampFromDate(trigger.updatedAt),
    etag: String(trigger.version),
  };
}
