import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { scheduleEvents, schedules } from '@q2/contracts';
import type { Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { firesByTime, isUsedUp, startAttemptsMax, type Trigger } from '../triggers/trigger.js';
import { decideFirings, type Cause, type NewFiring } from './firing.js';

/** A trigger, locked in the transaction, with why it is to fire. */
export interface TriggerCauses {
  readonly trigger: Trigger;
  readonly causes: readonly Cause[];
  /** The next time of a schedule; undefined leaves the one stored. */
  readonly nextFireAt?: Date | null;
}

/** Channel that is notified when there are firings to start, or triggers due at another time. */
export const dueChannel = 'schedules_due';

/** Records firings: what makes them exactly one each is the primary key of their table. */
@Injectable()
export class FiringStore {
  constructor(
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Records what becomes of causes to fire, and moves their triggers on. A firing recorded before stays as it is.
   *
   * @returns the firings recorded now
   */
  async record(tx: Tx, batch: readonly TriggerCauses[]): Promise<NewFiring[]> {
    const busy = await this.findBusy(tx, batch);
    const decided = batch.flatMap(({ trigger, causes }) => decideFirings(trigger, causes, busy.has(trigger.uid)));
    const recorded = await this.insert(tx, decided);
    await this.moveOn(tx, batch, recorded);
    for (const firing of recorded) if (firing.state === 'SKIPPED') await this.announceSkipped(tx, firing);
    await wakeLoops(tx);
    return recorded;
  }

  /** Triggers that let nothing overlap and whose firings have not all ended. */
  private async findBusy(tx: Tx, batch: readonly TriggerCauses[]): Promise<Set<string>> {
    const exclusive = batch.filter(({ trigger }) => trigger.spec.overlapPolicy === schedules.OverlapPolicy.SKIP);
    if (exclusive.length === 0) return new Set();
    const rows = await tx.query<{ trigger_uid: string }>(
      `select distinct trigger_uid from firing
       where tenant_id = $1 and trigger_uid = any($2) and state in ('PENDING', 'STARTED') and ended_at is null`,
      [tx.tenant, exclusive.map(({ trigger }) => trigger.uid)],
    );
    return new Set(rows.map((row) => row.trigger_uid));
  }

  private async insert(tx: Tx, firings: readonly NewFiring[]): Promise<NewFiring[]> {
    if (firings.length === 0) return [];
    const now = this.clock.now();
    const rows = await tx.query<{ id: string }>(
      `insert into firing (tenant_id, trigger_uid, key, id, nominal_at, state, reason, detail, action, execution, cause_event_id,
                           hops, attempts, attempts_max, next_attempt_at, created_at, settled_at)
       select $1, r.trigger_uid, r.key, r.id, r.nominal_at, r.state, r.reason, r.detail, r.action, r.execution, r.cause_event_id,
              r.hops, 0, r.attempts_max, case r.state when 'PENDING' then $2::timestamptz end, $2, case r.state when 'PENDING' then null else $2::timestamptz end
       from jsonb_to_recordset($3::jsonb) as r(trigger_uid uuid, key text, id uuid, nominal_at timestamptz, state text, reason text, detail text,
                                               action jsonb, execution text, cause_event_id text, hops integer, attempts_max integer)
       on conflict do nothing returning id`,
      [tx.tenant, now, JSON.stringify(firings.map(toRow))],
    );
    const inserted = new Set(rows.map((row) => row.id));
    return firings.filter((firing) => inserted.has(firing.id));
  }

  private async moveOn(tx: Tx, batch: readonly TriggerCauses[], recorded: readonly NewFiring[]): Promise<void> {
    const moves = batch.map(({ trigger, nextFireAt = trigger.nextFireAt ?? null }) => {
      const runs = recorded.filter((firing) => firing.trigger.uid === trigger.uid && firing.state !== 'SKIPPED');
      const runCount = trigger.runCount + runs.length;
      const lastFireAt = runs.map(({ nominalAt }) => nominalAt).reduce((a, b) => (a > b ? a : b), trigger.lastFireAt ?? new Date(0));
      const isOver = firesByTime(trigger.spec) && isUsedUp({ spec: trigger.spec, runCount });
      return { uid: trigger.uid, runs: runs.length, last: runCount === 0 ? null : lastFireAt, next: isOver ? null : nextFireAt };
    });
    await tx.execute(
      `update trigger t set run_count = t.run_count + r.runs, last_fire_at = r.last, next_fire_at = r.next
       from jsonb_to_recordset($2::jsonb) as r(uid uuid, runs integer, last timestamptz, next timestamptz)
       where t.tenant_id = $1 and t.uid = r.uid`,
      [tx.tenant, JSON.stringify(moves)],
    );
  }

  private async announceSkipped(tx: Tx, { trigger, key, nominalAt, reason }: NewFiring): Promise<void> {
    const { tenant, id } = trigger;
    const name = schedules.triggerName.format({ tenant, trigger: id });
    const firing = schedules.firingName.format({ tenant, trigger: id, firing: key });
    const data = { trigger: name, firing, nominalTime: timestampFromDate(nominalAt), reason };
    await this.outbox.add(tx, { type: scheduleEvents.FiringSkippedSchema, key: name, data });
  }
}

/** Has the loops of all replicas look for work once the transaction has committed. */
export async function wakeLoops(tx: Tx): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [dueChannel, '']);
}

function toRow(firing: NewFiring): object {
  return {
    trigger_uid: firing.trigger.uid,
    key: firing.key,
    id: firing.id,
    nominal_at: firing.nominalAt,
    state: firing.state,
    reason: firing.reason,
    detail: firing.detail.replaceAll('\0', '').slice(0, 2000),
    action: firing.action ?? {},
    execution: firing.execution,
    cause_event_id: firing.causeEventId,
    hops: firing.hops,
    attempts_max: startAttemptsMax(firing.trigger.spec),
  };
}
