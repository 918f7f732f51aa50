import type { Database } from '@q2/database';
import { ResourceExhausted } from '@q2/errors';
import { Outbox, outboxMigrations } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { startTestDatabase, type TestDatabase } from '@q2/testing';
import { EmittedEvents } from '../events/emitted-events.service.js';
import { EventTriggers } from '../events/event-triggers.service.js';
import { DueTriggers } from '../firings/due-triggers.service.js';
import { FiringStore } from '../firings/firing-store.service.js';
import { FiringsService } from '../firings/firings.service.js';
import { PendingFirings } from '../firings/pending-firings.service.js';
import { WorkflowStarter, type WorkflowStart } from '../firings/workflow-starter.port.js';
import { ScheduleQuota } from '../quota/schedule-quota.port.js';
import { schedulerSchema } from '../scheduler-schema.js';
import { TriggersService } from '../triggers/triggers.service.js';

/** A clock that stands still until a test moves it. */
class TestClock extends Clock {
  private nowMs = 0;

  override now(): Date {
    return new Date(this.nowMs);
  }

  set(time: string | number): void {
    this.nowMs = new Date(time).getTime();
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }
}

/** Starts executions as workflow-orchestrator does: one for each name, whatever number of times it is asked. */
class FakeOrchestrator extends WorkflowStarter {
  readonly executions = new Map<string, WorkflowStart>();
  calls = 0;
  /** Runs before an execution is started; may throw, or never end. */
  before: (start: WorkflowStart) => Promise<void> = () => Promise.resolve();
  /** Runs after an execution is started, before the caller hears of it. */
  after: (start: WorkflowStart) => Promise<void> = () => Promise.resolve();

  reset(): void {
    this.executions.clear();
    this.calls = 0;
    this.before = this.after = () => Promise.resolve();
  }

  override async start(start: WorkflowStart): Promise<void> {
    this.calls += 1;
    await this.before(start);
    this.executions.set(start.execution, start);
    await this.after(start);
  }
}

/** A quota that allows so many triggers. */
class FakeQuota extends ScheduleQuota {
  readonly holders = new Set<string>();
  limit = Number.POSITIVE_INFINITY;

  override async acquire(tenant: string, trigger: string): Promise<void> {
    if (!this.holders.has(trigger) && this.holders.size >= this.limit) {
      throw new ResourceExhausted('QUOTA_EXCEEDED', `${tenant} may have ${this.limit} schedules`);
    }
    this.holders.add(trigger);
  }

  override async release(_: string, trigger: string): Promise<void> {
    this.holders.delete(trigger);
  }
}

/** One replica of the scheduler, without its loops: a test takes each step itself. */
export interface Replica {
  readonly database: Database;
  readonly triggers: TriggersService;
  readonly due: DueTriggers;
  readonly pending: PendingFirings;
  readonly events: EventTriggers;
  readonly emitted: EmittedEvents;
  readonly firings: FiringsService;
}

/** Replicas of the scheduler on one database, with one clock and one orchestrator. */
export class Bench {
  readonly clock = new TestClock();
  readonly orchestrator = new FakeOrchestrator();
  readonly quota = new FakeQuota();

  private constructor(private readonly server: TestDatabase) {}

  static async start(): Promise<Bench> {
    return new Bench(await startTestDatabase());
  }

  async replica(): Promise<Replica> {
    const { clock } = this;
    const schema = { ...schedulerSchema, migrations: [...outboxMigrations, ...schedulerSchema.migrations] };
    const database = await this.server.database(schema, { poolSize: 8 });
    const outbox = new Outbox('services/scheduler', () => undefined);
    const store = new FiringStore(outbox, clock);
    const emitted = new EmittedEvents(database, outbox, clock);
    return {
      database,
      emitted,
      triggers: new TriggersService(database, store, this.quota, clock),
      due: new DueTriggers(database, outbox, store, clock),
      pending: new PendingFirings(database, outbox, emitted, this.orchestrator, clock),
      events: new EventTriggers(store, emitted, clock),
      firings: new FiringsService(database),
    };
  }

  /** Forgets all that a test did, and begins 2026. */
  async reset({ database }: Replica): Promise<void> {
    await database.acrossTenants('schedule-claim', async (tx) => {
      for (const table of ['trigger', 'emitted_event', 'outbox_event']) await tx.execute(`delete from ${table}`);
    });
    this.clock.set('2026-01-01T00:00:00Z');
    this.orchestrator.reset();
    this.quota.holders.clear();
    this.quota.limit = Number.POSITIVE_INFINITY;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** Takes steps until nothing is left to do. */
export async function settle({ due, pending }: Replica): Promise<void> {
  while ((await due.fireDue()) + (await pending.startPending()) > 0);
}

/** Types of the events waiting to be published, without their package. */
export async function announced({ database }: Replica, tenant = 'acme'): Promise<string[]> {
  const rows = await database.inTenant(tenant, (tx) =>
    tx.query<{ type: string }>(`select headers->>'ce_type' as type from outbox_event where tenant_id = $1 order by seq`, [tenant]),
  );
  return rows.map(({ type }) => type.slice(type.lastIndexOf('.') + 1));
}
