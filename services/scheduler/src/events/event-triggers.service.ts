import { Inject, Injectable } from '@nestjs/common';
import type { Tx } from '@q2/database';
import { eventJson, type ReceivedEvent } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { FiringStore } from '../firings/firing-store.service.js';
import { eventKey, type Cause } from '../firings/firing.js';
import { toTrigger, triggerColumns, type TriggerRow } from '../triggers/trigger-row.js';
import type { Trigger } from '../triggers/trigger.js';
import { toCloudEvent, toExecutionEnd, type CloudEvent, type ExecutionEnd } from './cloud-event.js';
import { haveAllEnded, type SeenEnd } from './dependency.js';
import { EmittedEvents } from './emitted-events.service.js';
import { matchOf } from './matching.js';

/** An event, and the end of an execution where it tells of one. */
interface Heard {
  readonly event: CloudEvent;
  readonly end: ExecutionEnd | undefined;
}

/** Fires the triggers of a tenant that wait for an event, in the transaction that marks the event as handled. */
@Injectable()
export class EventTriggers {
  constructor(
    @Inject(FiringStore) private readonly firings: FiringStore,
    @Inject(EmittedEvents) private readonly events: EmittedEvents,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async handle(tx: Tx, received: ReceivedEvent): Promise<void> {
    const busEvent = { ...received, data: eventJson(received) };
    const heard = { event: toCloudEvent(busEvent), end: toExecutionEnd(busEvent) };
    if (heard.end !== undefined) await this.markEnded(tx, heard.end.execution, heard.event.time);
    const matched = (await this.listeners(tx, heard)).filter((trigger) => this.match(trigger, heard) !== undefined);
    if (matched.length === 0) return;
    const cause = await this.causeOf(tx, heard.event);
    const batch = [];
    for (const trigger of await this.lock(tx, matched)) {
      if (this.match(trigger, heard) === 'fires' || (await this.completes(tx, trigger, heard))) batch.push({ trigger, causes: [cause] });
    }
    if (batch.length > 0) await this.firings.record(tx, batch);
  }

  private match(trigger: Trigger, { event, end }: Heard): 'fires' | 'counts' | undefined {
    return matchOf(trigger, { event, end, now: this.clock.now() });
  }

  /** An execution's end lets a trigger that allows no overlap fire again, however early it is heard of. */
  private async markEnded(tx: Tx, execution: string, endedAt: Date): Promise<void> {
    await tx.execute('update firing set ended_at = $3 where tenant_id = $1 and execution = $2 and ended_at is null', [
      tx.tenant,
      execution,
      endedAt,
    ]);
  }

  private async listeners(tx: Tx, { event, end }: Heard): Promise<Trigger[]> {
    const heard = end === undefined ? [event.type] : [event.type, end.workflow];
    const rows = await tx.query<TriggerRow>(
      `select ${triggerColumns} from trigger where tenant_id = $1 and not is_paused
         and uid in (select trigger_uid from trigger_listener where tenant_id = $1 and heard = any($2))`,
      [tx.tenant, heard],
    );
    return rows.map(toTrigger);
  }

  private async lock(tx: Tx, triggers: readonly Trigger[]): Promise<Trigger[]> {
    const rows = await tx.query<TriggerRow>(
      `select ${triggerColumns} from trigger where tenant_id = $1 and uid = any($2) and not is_paused order by uid for update`,
      [tx.tenant, triggers.map(({ uid }) => uid)],
    );
    return rows.map(toTrigger);
  }

  private async causeOf(tx: Tx, event: CloudEvent): Promise<Cause> {
    const byExecution = event.execution === undefined ? 0 : await this.events.hopsFrom(tx, event.execution);
    return { key: eventKey(event.id), nominalAt: event.time, hops: Math.max(event.hops, byExecution), event: event.variables };
  }

  /** Notes an end that a trigger counts, and tells whether with it all have come; those are then used up. */
  private async completes(tx: Tx, { uid, spec }: Trigger, { event, end }: Heard): Promise<boolean> {
    if (spec.condition.case !== 'dependency' || end === undefined) return false;
    const key = [tx.tenant, uid];
    await tx.execute(
      `insert into dependency_end as seen (tenant_id, trigger_uid, workflow, execution, ended_at) values ($1, $2, $3, $4, $5)
       on conflict (tenant_id, trigger_uid, workflow) do update set execution = excluded.execution, ended_at = excluded.ended_at
       where seen.ended_at < excluded.ended_at`,
      [...key, end.workflow, end.execution, event.time],
    );
    const rows = await tx.query<{ workflow: string; ended_at: Date }>(
      'select workflow, ended_at from dependency_end where tenant_id = $1 and trigger_uid = $2',
      key,
    );
    const seen: SeenEnd[] = rows.map((row) => ({ workflow: row.workflow, endedAt: row.ended_at }));
    if (!haveAllEnded(spec.condition.value, seen)) return false;
    await tx.execute('delete from dependency_end where tenant_id = $1 and trigger_uid = $2', key);
    return true;
  }
}
