import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { scheduleEvents, schedules } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { inParallel } from '../in-parallel.js';
import { toTrigger, triggerColumns, type TriggerRow } from '../triggers/trigger-row.js';
import { catchUpWindowMs, scheduleOf, type Trigger } from '../triggers/trigger.js';
import { decideDue, type DueInput, type MissedTimes } from './due.js';
import { FiringStore, type TriggerCauses } from './firing-store.service.js';
import { timeKey } from './firing.js';

const triggersPerBatch = 200;
const tenantsAtOnce = 4;
interface DueRow {
  readonly tenant_id: string;
  readonly uid: string;
}

const { MisfirePolicy } = schedules;

const misfires: Readonly<Record<schedules.MisfirePolicy, DueInput['misfire']>> = {
  [MisfirePolicy.UNSPECIFIED]: 'run-one',
  [MisfirePolicy.RUN_ALL]: 'run-all',
  [MisfirePolicy.RUN_ONE]: 'run-one',
  [MisfirePolicy.NONE]: 'none',
};

/** Turns the times of schedules that have come into firings. Any number of replicas may do so at once. */
@Injectable()
export class DueTriggers {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(FiringStore) private readonly firings: FiringStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Works off one batch of triggers. Gives how many it dealt with: 0 where none is due, or others have them in hand. */
  async fireDue(): Promise<number> {
    const due = await this.findDue();
    const counts = await inParallel([...due], tenantsAtOnce, ([tenant, rows]) => this.fireOf(tenant, rows));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** When the next trigger is due; undefined where none has a next time. */
  async nextDueAt(): Promise<Date | undefined> {
    const [row] = await this.database.acrossTenants('schedule-claim', (tx) =>
      tx.query<{ next: Date | null }>('select min(next_fire_at) as next from trigger where not is_paused and next_fire_at is not null'),
    );
    return row?.next ?? undefined;
  }

  private async findDue(): Promise<Map<string, DueRow[]>> {
    const rows = await this.database.acrossTenants('schedule-claim', (tx) =>
      tx.query<DueRow>('select tenant_id, uid from trigger where not is_paused and next_fire_at <= $1 order by next_fire_at limit $2', [
        this.clock.now(),
        triggersPerBatch,
      ]),
    );
    return Map.groupBy(rows, (row) => row.tenant_id);
  }

  private fireOf(tenant: string, due: readonly DueRow[]): Promise<number> {
    return this.database.inTenant(tenant, async (tx) => {
      const now = this.clock.now();
      const rows = await tx.query<TriggerRow>(
        `select ${triggerColumns} from trigger where tenant_id = $1 and uid = any($2) and not is_paused and next_fire_at <= $3
         order by uid for update skip locked`,
        [tenant, due.map(({ uid }) => uid), now],
      );
      const decisions = rows.map(toTrigger).map((trigger) => this.decide(trigger, now));
      for (const { trigger, missed } of decisions) for (const times of missed) await this.announceMissed(tx, trigger, times);
      if (decisions.length > 0) await this.firings.record(tx, decisions);
      return decisions.length;
    });
  }

  private decide(trigger: Trigger, now: Date): TriggerCauses & { missed: readonly MissedTimes[] } {
    const { spec, createdAt } = trigger;
    const { fireMs, missed, nextMs } = decideDue({
      schedule: scheduleOf(spec, createdAt),
      dueMs: trigger.nextFireAt?.getTime() ?? now.getTime(),
      nowMs: now.getTime(),
      misfire: misfires[spec.misfirePolicy],
      catchUpWindowMs: catchUpWindowMs(spec),
    });
    const causes = fireMs.map((ms) => ({ key: timeKey(ms), nominalAt: new Date(ms), hops: 0 }));
    return { trigger, causes, missed, nextFireAt: nextMs === undefined ? null : new Date(nextMs) };
  }

  private async announceMissed(tx: Tx, { tenant, id }: Trigger, { firstMs, untilMs, reason }: MissedTimes): Promise<void> {
    const trigger = schedules.triggerName.format({ tenant, trigger: id });
    const data = { trigger, firstTime: timestampFromMs(firstMs), untilTime: timestampFromMs(untilMs), reason };
    await this.outbox.add(tx, { type: scheduleEvents.FiringMissedSchema, key: trigger, data });
  }
}
