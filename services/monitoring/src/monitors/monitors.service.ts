import { Inject, Injectable } from '@nestjs/common';
import { Database, isUniqueViolation, newId, type Tx } from '@q2/database';
import { Aborted, AlreadyExists, NotFound } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import { AlertLifecycle } from '../alerts/alert-lifecycle.service.js';
import { readsOtherData, type MonitorSettings } from './monitor.js';
import { MonitorRow } from './monitor.entity.js';

/** Names a monitor within a tenant; `etag` makes a change conditional, empty does not. */
export interface MonitorReference {
  readonly tenant: string;
  readonly id: string;
  readonly etag: string;
  /** Who changes it. */
  readonly by: string;
}

/** A page of monitors: those after an id, of one target where given. */
export interface MonitorPage {
  readonly target: string;
  readonly after: string | undefined;
  readonly limit: number;
}

/** Keeps monitors. Every change makes them due at once. */
@Injectable()
export class MonitorsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(AlertLifecycle) private readonly alerts: AlertLifecycle,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** @throws {AlreadyExists} MONITOR_EXISTS */
  async create(tenant: string, id: string, settings: MonitorSettings): Promise<MonitorRow> {
    const now = this.clock.now();
    const row: MonitorRow = {
      ...new MonitorRow(),
      ...settings,
      tenantId: tenant,
      id: id || `m-${newId()}`,
      createdAt: now,
      updatedAt: now,
      dueAt: now,
    };
    try {
      await this.database.inTenant(tenant, (tx) => tx.manager.insert(MonitorRow, row));
    } catch (error) {
      if (isUniqueViolation(error))
        throw new AlreadyExists('MONITOR_EXISTS', `monitors/${id} exists already in tenants/${tenant}`, { monitor: id });
      throw error;
    }
    return row;
  }

  /** @throws {NotFound} MONITOR_NOT_FOUND */
  get(tenant: string, id: string): Promise<MonitorRow> {
    return this.database.inTenant(
      tenant,
      async (tx) => (await tx.manager.findOneBy(MonitorRow, { tenantId: tenant, id })) ?? notFound(tenant, id),
    );
  }

  list(tenant: string, { target, after = '', limit }: MonitorPage): Promise<MonitorRow[]> {
    return this.database.inTenant(tenant, (tx) => {
      const query = tx.manager.createQueryBuilder(MonitorRow, 'monitor');
      query.where('monitor.tenantId = :tenant AND monitor.id > :after COLLATE "C"', { tenant, after });
      if (target !== '') query.andWhere('monitor.target = :target', { target });
      return query.orderBy('monitor.id COLLATE "C"').limit(limit).getMany();
    });
  }

  /**
   * Changes a monitor. Pending alerts start over; firing ones end where the monitor is about something else now.
   *
   * @param change makes the new settings of the old ones
   * @throws {NotFound} MONITOR_NOT_FOUND
   * @throws {Aborted} MONITOR_CHANGED where the etag is not the current one
   */
  update(reference: MonitorReference, change: (before: MonitorRow) => MonitorSettings): Promise<MonitorRow> {
    return this.database.inTenant(reference.tenant, async (tx) => {
      const before = await lockMonitor(tx, reference);
      const now = this.clock.now();
      const settings = change(before);
      const after: MonitorRow = { ...before, ...settings, revision: before.revision + 1, updatedAt: now, dueAt: now };
      const active = await this.alerts.lockActive(tx, before);
      const ended = readsOtherData(before, after) ? active : active.filter(({ state }) => state === 'PENDING');
      await this.alerts.end(tx, ended, { by: reference.by, comment: 'the monitor changed', at: now });
      await tx.manager.update(MonitorRow, { tenantId: before.tenantId, id: before.id }, after);
      return after;
    });
  }

  /**
   * Deletes a monitor and ends its alerts.
   *
   * @throws {NotFound} MONITOR_NOT_FOUND
   * @throws {Aborted} MONITOR_CHANGED where the etag is not the current one
   */
  delete(reference: MonitorReference): Promise<void> {
    return this.database.inTenant(reference.tenant, async (tx) => {
      const monitor = await lockMonitor(tx, reference);
      const active = await this.alerts.lockActive(tx, monitor);
      await this.alerts.end(tx, active, { by: reference.by, comment: 'the monitor was deleted', at: this.clock.now() });
      await tx.manager.delete(MonitorRow, { tenantId: monitor.tenantId, id: monitor.id });
    });
  }
}

/** The etag of a monitor: its revision. */
export function monitorEtag({ revision }: Pick<MonitorRow, 'revision'>): string {
  return String(revision);
}

async function lockMonitor(tx: Tx, { tenant, id, etag }: MonitorReference): Promise<MonitorRow> {
  const row = await tx.manager.findOne(MonitorRow, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
  if (!row) return notFound(tenant, id);
  if (etag !== '' && etag !== monitorEtag(row))
    throw new Aborted('MONITOR_CHANGED', `monitors/${id} changed since it was read: its etag is ${monitorEtag(row)}, not ${etag}`, {
      monitor: id,
    });
  return row;
}

function notFound(tenant: string, id: string): never {
  throw new NotFound('MONITOR_NOT_FOUND', `there is no monitors/${id} in tenants/${tenant}`, { monitor: id });
}
