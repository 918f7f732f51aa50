import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { scheduleEvents, schedules } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { EmittedEvents } from '../events/emitted-events.service.js';
import { inParallel } from '../in-parallel.js';
import type { FiringAction } from '../triggers/trigger.js';
import { decideAfterFailure } from './start-retry.js';
import { WorkflowStarter } from './workflow-starter.port.js';

const firingsPerBatch = 50;
const startsAtOnce = 16;
const tenantsAtOnce = 4;
/** How long a claimed firing is left to whoever claimed it; longer than an attempt to start may take. */
export const leaseMs = 30_000;

/** A firing claimed for one attempt. */
export interface ClaimedFiring {
  readonly tenant_id: string;
  readonly trigger_uid: string;
  readonly key: string;
  readonly id: string;
  readonly trigger_id: string;
  readonly nominal_at: Date;
  readonly action: FiringAction;
  readonly execution: string | null;
  readonly hops: number;
  readonly attempts: number;
  readonly attempts_max: number;
}

/**
 * Does what firings are to do. A firing is claimed under a lease by counting its attempt; whoever holds the newest attempt
 * may say how it ended. A claim that is abandoned at any point is taken over when its lease ends, and acts under the same ids.
 */
@Injectable()
export class PendingFirings {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(EmittedEvents) private readonly events: EmittedEvents,
    @Inject(WorkflowStarter) private readonly starter: WorkflowStarter,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Claims one batch and starts it. Gives how many it claimed: 0 where none is pending, or others have them in hand. */
  async startPending(): Promise<number> {
    const claimed = await this.claim();
    await inParallel(claimed, startsAtOnce, (firing) => this.start(firing));
    return claimed.length;
  }

  /** When the next attempt is due; undefined where no firing is pending. */
  async nextAttemptAt(): Promise<Date | undefined> {
    const [row] = await this.database.acrossTenants('schedule-claim', (tx) =>
      tx.query<{ next: Date | null }>(`select min(next_attempt_at) as next from firing where state = 'PENDING'`),
    );
    return row?.next ?? undefined;
  }

  /** Claims what is to be started now. */
  async claim(): Promise<ClaimedFiring[]> {
    const found = await this.database.acrossTenants('schedule-claim', (tx) =>
      tx.query<{ tenant_id: string; id: string }>(
        `select tenant_id, id from firing where state = 'PENDING' and next_attempt_at <= $1 order by next_attempt_at limit $2`,
        [this.clock.now(), firingsPerBatch],
      ),
    );
    const claims = await inParallel([...Map.groupBy(found, (row) => row.tenant_id)], tenantsAtOnce, ([tenant, rows]) =>
      this.claimIn(
        tenant,
        rows.map(({ id }) => id),
      ),
    );
    return claims.flat();
  }

  /** Makes the attempt of a claimed firing, and says how it ended. */
  async start(firing: ClaimedFiring): Promise<void> {
    const { action } = firing;
    if (action.kind === 'emit-event') return this.emit(firing, action);
    const { tenant_id: tenant, execution, id: requestId } = firing;
    try {
      await this.starter.start({ tenant, execution: execution ?? '', workflow: action.workflow, input: action.input, requestId });
    } catch (error) {
      return this.settleFailure(firing, error);
    }
    await this.database.inTenant(tenant, (tx) => this.settleStarted(tx, firing, { execution: execution ?? '' }));
  }

  private claimIn(tenant: string, ids: readonly string[]): Promise<ClaimedFiring[]> {
    const now = this.clock.now();
    return this.database.inTenant(tenant, (tx) =>
      tx.query<ClaimedFiring>(
        `with claimed as (
           select trigger_uid, key from firing
           where tenant_id = $1 and id = any($2) and state = 'PENDING' and next_attempt_at <= $3
           for update skip locked
         )
         update firing f set attempts = f.attempts + 1, next_attempt_at = $4
         from claimed c join trigger t on t.tenant_id = $1 and t.uid = c.trigger_uid
         where f.tenant_id = $1 and f.trigger_uid = c.trigger_uid and f.key = c.key
         returning f.*, t.id as trigger_id`,
        [tenant, ids, now, new Date(now.getTime() + leaseMs)],
      ),
    );
  }

  /** An event is emitted in the same transaction that says so. */
  private async emit(firing: ClaimedFiring, action: FiringAction & { kind: 'emit-event' }): Promise<void> {
    const { tenant_id: tenant, trigger_id: trigger, id, nominal_at: time, hops } = firing;
    const source = schedules.triggerName.format({ tenant, trigger });
    await this.database.inTenant(tenant, async (tx) => {
      const emittedEvent = schedules.eventName.format({ tenant, event: id });
      const isOurs = await this.settleStarted(tx, firing, { emittedEvent });
      if (isOurs) await this.events.emit(tx, { ...action, id, source, time, hops: hops + 1 });
    });
  }

  /** Gives whether the firing was still ours to settle. */
  private async settleStarted(tx: Tx, firing: ClaimedFiring, did: { execution?: string; emittedEvent?: string }): Promise<boolean> {
    const now = this.clock.now();
    const settled = await tx.execute(
      `update firing set state = 'STARTED', reason = '', detail = '', next_attempt_at = null, settled_at = $4, emitted_event = $5,
                         ended_at = coalesce(ended_at, $6)
       where ${stillOurs}`,
      [...claimOf(firing), now, did.emittedEvent, did.emittedEvent === undefined ? null : now],
    );
    if (settled === 0) return false;
    const { tenant_id: tenant, trigger_id, key, nominal_at, hops } = firing;
    const trigger = schedules.triggerName.format({ tenant, trigger: trigger_id });
    const name = schedules.firingName.format({ tenant, trigger: trigger_id, firing: key });
    const data = { trigger, firing: name, nominalTime: timestampFromDate(nominal_at), hops, ...did };
    await this.outbox.add(tx, { type: scheduleEvents.TriggerFiredSchema, key: trigger, data });
    return true;
  }

  private async settleFailure(firing: ClaimedFiring, error: unknown): Promise<void> {
    const attempts = { attempt: firing.attempts, max: firing.attempts_max };
    const { reason, detail, ...after } = decideAfterFailure(error, attempts, Math.random());
    const now = this.clock.now();
    const nextAttemptAt = after.kind === 'retry' ? new Date(now.getTime() + after.delayMs) : null;
    await this.database.inTenant(firing.tenant_id, (tx) =>
      tx.execute(
        `update firing set reason = $4, detail = $5, next_attempt_at = $6,
                           state = case when $6::timestamptz is null then 'FAILED' else state end,
                           settled_at = case when $6::timestamptz is null then $7::timestamptz end
         where ${stillOurs}`,
        [...claimOf(firing), reason, detail.replaceAll('\0', '').slice(0, 2000), nextAttemptAt, now],
      ),
    );
  }
}

const stillOurs = `tenant_id = $1 and id = $2 and attempts = $3 and state = 'PENDING'`;

function claimOf(firing: ClaimedFiring): readonly unknown[] {
  return [firing.tenant_id, firing.id, firing.attempts];
}
