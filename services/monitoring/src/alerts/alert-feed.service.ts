import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '@q2/database';
import { Clock } from '@q2/service-kit';
import { AlertRow } from './alert.entity.js';
import { alertsChannel } from './announcements.service.js';

/** A change that took longer than this from its time stamp to its commit could be missed by watchers. */
const overlapMs = 60_000;
/** Watchers look again this often although nobody told them to. */
const lookAgainMs = 10_000;

/** Who watches, and until when. */
export interface Watch {
  readonly tenant: string;
  /** Only alerts of this resource; all where empty. */
  readonly target: string;
  readonly signal: AbortSignal;
}

/** Gives watchers each change of alerts that fired. Changes made by any process of the service are seen. */
@Injectable()
export class AlertFeed implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly watchers = new Map<() => void, string>();
  private readonly closing = new AbortController();
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(alertsChannel, (tenant) => {
      // An empty payload says that notifications may have been missed.
      for (const [wake, watched] of this.watchers) if (tenant === '' || tenant === watched) wake();
    });
  }

  /** Ends all watches, so that the process can stop. */
  async onModuleDestroy(): Promise<void> {
    this.closing.abort();
    await this.stopListening?.();
  }

  /** The alerts that fire now, then each that changes, until the caller leaves or the process stops. */
  async *watch(watch: Watch): AsyncIterable<AlertRow> {
    const signal = AbortSignal.any([watch.signal, this.closing.signal]);
    const seen = new SeenAlerts(this.clock.now());
    let next = this.nextChange(watch.tenant, signal);
    for (const alert of seen.unseen(await this.read(watch, seen, true))) if (alert.state !== 'RESOLVED') yield alert;
    while (!signal.aborted) {
      await next;
      next = this.nextChange(watch.tenant, signal);
      yield* seen.unseen(await this.read(watch, seen, false));
    }
  }

  /** Resolves at the next notification, after a while, or when the watch ends. */
  private nextChange(tenant: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, lookAgainMs).unref();
      this.watchers.set(wake, tenant);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }

  /** Alerts changed lately, at first also those that have been firing for longer. */
  private read({ tenant, target }: Watch, seen: SeenAlerts, isFirst: boolean): Promise<AlertRow[]> {
    const states = isFirst ? ['FIRING', 'ACKNOWLEDGED'] : [];
    return this.database.inTenant(tenant, (tx) => {
      const query = tx.manager.createQueryBuilder(AlertRow, 'alert');
      query.where(`alert.tenantId = :tenant AND alert.state <> 'PENDING'`, { tenant });
      query.andWhere('(alert.updatedAt >= :since OR alert.state = ANY(:states))', { since: seen.since, states });
      if (target !== '') query.andWhere('alert.target = :target', { target });
      return query.orderBy('alert.updatedAt').getMany();
    });
  }
}

/** Which alerts a watcher was sent, in which revision. Forgets what is too old to be read again. */
class SeenAlerts {
  private readonly alerts = new Map<string, { readonly revision: number; readonly atMs: number }>();
  private latestMs: number;

  constructor(startedAt: Date) {
    this.latestMs = startedAt.getTime();
  }

  /** From when on changes are read: some time back, as a change may be committed late. */
  get since(): Date {
    return new Date(this.latestMs - overlapMs);
  }

  /** Those that were not seen in this revision; from now on they are. */
  unseen(rows: readonly AlertRow[]): AlertRow[] {
    const fresh = rows.filter(({ id, revision }) => this.alerts.get(id)?.revision !== revision);
    for (const { id, revision, updatedAt } of fresh) {
      this.alerts.set(id, { revision, atMs: updatedAt.getTime() });
      this.latestMs = Math.max(this.latestMs, updatedAt.getTime());
    }
    for (const [id, { atMs }] of this.alerts) if (atMs < this.since.getTime()) this.alerts.delete(id);
    return fresh;
  }
}
