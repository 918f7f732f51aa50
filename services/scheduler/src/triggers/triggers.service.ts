import { Inject, Injectable } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { Database, isUniqueViolation, newId, type Tx } from '@q2/database';
import { Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import { FiringStore, wakeLoops } from '../firings/firing-store.service.js';
import { ScheduleQuota } from '../quota/schedule-quota.port.js';
import { checkTrigger } from './trigger-check.js';
import { applyMask } from './trigger-mask.js';
import { specJson, specOf, toTrigger, triggerColumns, type TriggerRow } from './trigger-row.js';
import { firesByTime, isUsedUp, listensTo, scheduleOf, type Trigger } from './trigger.js';

/** Which trigger, and what its caller believes it to be. */
export interface TriggerKey {
  readonly tenant: string;
  readonly id: string;
  /** The version seen last; empty where any will do. */
  readonly etag?: string;
}

/** Triggers: created, changed, paused, and fired by hand. */
@Injectable()
export class TriggersService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(FiringStore) private readonly firings: FiringStore,
    @Inject(ScheduleQuota) private readonly quota: ScheduleQuota,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * @throws {InvalidArgument} where the trigger makes no sense, or names no time from now on
   * @throws {AlreadyExists} TRIGGER_EXISTS
   * @throws {ResourceExhausted} QUOTA_EXCEEDED where the tenant's plan allows no more
   */
  async create({ tenant, id }: TriggerKey, given: schedules.Trigger): Promise<Trigger> {
    const spec = specOf(given);
    checkTrigger(spec);
    const now = this.clock.now();
    const values = [tenant, newId(), id, specJson(spec), firstTime(spec, now, now), now];
    try {
      return await this.database.inTenant(tenant, async (tx) => {
        const rows = await tx.query<TriggerRow>(
          `insert into trigger (tenant_id, uid, id, spec, next_fire_at, created_at, updated_at, is_paused, run_count, version)
           values ($1, $2, $3, $4, $5, $6, $6, false, 0, 1) returning ${triggerColumns}`,
          values,
        );
        const trigger = only(rows, id);
        await listen(tx, trigger);
        await wakeLoops(tx);
        await this.quota.acquire(tenant, schedules.triggerName.format({ tenant, trigger: id }));
        return trigger;
      });
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw new AlreadyExists('TRIGGER_EXISTS', `triggers/${id} exists already`, { trigger: id });
    }
  }

  /** @throws {NotFound} TRIGGER_NOT_FOUND */
  get({ tenant, id }: TriggerKey): Promise<Trigger> {
    return this.database.inTenant(
      tenant,
      async (tx) =>
        only(await tx.query<TriggerRow>(`select ${triggerColumns} from trigger where tenant_id = $1 and id = $2`, [tenant, id]), id),
      { readOnly: true },
    );
  }

  /** Lists triggers by id, from after `afterId` on. */
  list(tenant: string, query: { limit: number; afterId: string }): Promise<Trigger[]> {
    return this.database.inTenant(
      tenant,
      async (tx) => {
        const rows = await tx.query<TriggerRow>(
          `select ${triggerColumns} from trigger where tenant_id = $1 and id > $2 order by id limit $3`,
          [tenant, query.afterId, query.limit],
        );
        return rows.map(toTrigger);
      },
      { readOnly: true },
    );
  }

  /** The active triggers of a tenant whose next time comes first. */
  listNextDue(tenant: string, limit: number): Promise<Trigger[]> {
    return this.database.inTenant(
      tenant,
      async (tx) => {
        const rows = await tx.query<TriggerRow>(
          `select ${triggerColumns} from trigger where tenant_id = $1 and not is_paused and next_fire_at is not null
           order by next_fire_at, id limit $2`,
          [tenant, limit],
        );
        return rows.map(toTrigger);
      },
      { readOnly: true },
    );
  }

  /**
   * Changes what callers may set. Its next time is computed from now on, and after what it fired already.
   *
   * @throws {Aborted} ETAG_MISMATCH
   * @throws as {@link create} does
   */
  async update(key: TriggerKey, change: schedules.Trigger, paths: readonly string[]): Promise<Trigger> {
    return this.change({ ...key, etag: change.etag }, (current) => {
      const spec = applyMask(current.spec, change, paths);
      checkTrigger(spec);
      return { spec, isPaused: current.isPaused, nextFireAt: this.nextTime({ ...current, spec }) };
    });
  }

  /** Stops a trigger from firing. */
  pause(key: TriggerKey): Promise<Trigger> {
    return this.change(key, (current) => ({ ...current, isPaused: true }));
  }

  /** Lets a trigger fire again, from now on. */
  resume(key: TriggerKey): Promise<Trigger> {
    return this.change(key, (current) => ({
      ...current,
      isPaused: false,
      nextFireAt: current.isPaused ? this.nextTime(current) : current.nextFireAt,
    }));
  }

  /** Deletes a trigger and its firings. */
  async delete(key: TriggerKey): Promise<void> {
    await this.database.inTenant(key.tenant, async (tx) => {
      const { uid } = await this.lock(tx, key);
      await tx.execute('delete from trigger where tenant_id = $1 and uid = $2', [key.tenant, uid]);
      await this.quota.release(key.tenant, schedules.triggerName.format({ tenant: key.tenant, trigger: key.id }));
    });
  }

  /**
   * Fires a trigger now.
   *
   * @returns the key of the firing
   * @throws {FailedPrecondition} TRIGGER_USED_UP where it has made all the firings it may
   */
  async runNow(key: TriggerKey, requestId: string): Promise<string> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const trigger = await this.lock(tx, key);
      if (isUsedUp(trigger)) {
        throw new FailedPrecondition(
          'TRIGGER_USED_UP',
          `triggers/${key.id} has made all ${trigger.runCount} firings that max_runs allows`,
          {
            trigger: key.id,
          },
        );
      }
      const cause = { key: `manual-${requestId}`, nominalAt: this.clock.now(), hops: 0 };
      await this.firings.record(tx, [{ trigger, causes: [cause] }]);
      return cause.key;
    });
  }

  private change(key: TriggerKey, apply: (current: Trigger) => Pick<Trigger, 'spec' | 'isPaused' | 'nextFireAt'>): Promise<Trigger> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const current = await this.lock(tx, key);
      const { spec, isPaused, nextFireAt } = apply(current);
      const rows = await tx.query<TriggerRow>(
        `update trigger set spec = $3, next_fire_at = $4, is_paused = $5, updated_at = $6, version = version + 1
         where tenant_id = $1 and uid = $2 returning ${triggerColumns}`,
        [key.tenant, current.uid, specJson(spec), nextFireAt, isPaused, this.clock.now()],
      );
      const changed = only(rows, key.id);
      await listen(tx, changed);
      await wakeLoops(tx);
      return changed;
    });
  }

  private async lock(tx: Tx, { tenant, id, etag = '' }: TriggerKey): Promise<Trigger> {
    const trigger = only(
      await tx.query<TriggerRow>(`select ${triggerColumns} from trigger where tenant_id = $1 and id = $2 for update`, [tenant, id]),
      id,
    );
    if (etag === '' || etag === String(trigger.version)) return trigger;
    throw new Aborted('ETAG_MISMATCH', `triggers/${id} has changed: its etag is ${trigger.version}, not ${etag}; read it again`, {
      trigger: id,
    });
  }

  /** The first time after now that was not fired before: clocks that step back never fire a time again. */
  private nextTime(trigger: Trigger): Date | undefined {
    if (isUsedUp(trigger)) return undefined;
    const now = this.clock.now();
    const fromMs = Math.max(now.getTime(), trigger.lastFireAt?.getTime() ?? 0);
    return firstTime(trigger.spec, trigger.createdAt, new Date(fromMs));
  }
}

/** Notes what a trigger waits to hear of, in place of what it waited for before. */
async function listen(tx: Tx, { tenant, uid, spec }: Trigger): Promise<void> {
  await tx.execute('delete from trigger_listener where tenant_id = $1 and trigger_uid = $2', [tenant, uid]);
  await tx.execute('insert into trigger_listener (tenant_id, heard, trigger_uid) select $1, unnest($3::text[]), $2', [
    tenant,
    uid,
    listensTo(spec),
  ]);
}

/** @throws {InvalidArgument} where time decides and no time is left */
function firstTime(spec: schedules.Trigger, createdAt: Date, from: Date): Date | undefined {
  const next = scheduleOf(spec, createdAt).nextAfter(from.getTime());
  if (next !== undefined) return new Date(next);
  if (!firesByTime(spec)) return undefined;
  throw InvalidArgument.field(
    `trigger.${spec.condition.case ?? 'condition'}`,
    `names no time after ${from.toISOString()} within start and end`,
  );
}

function only(rows: readonly TriggerRow[], id: string): Trigger {
  const [row] = rows;
  if (row === undefined) throw new NotFound('TRIGGER_NOT_FOUND', `triggers/${id} does not exist`, { trigger: id });
  return toTrigger(row);
}
