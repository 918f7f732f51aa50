import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { Aborted, FailedPrecondition, NotFound } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import { AlertRow, type AlertState } from './alert.entity.js';
import { AlertLifecycle } from './alert-lifecycle.service.js';
import { Announcements } from './announcements.service.js';

/** What someone says about an alert; `etag` makes it conditional, empty does not. */
export interface AlertAnswer {
  readonly tenant: string;
  readonly id: string;
  readonly etag: string;
  readonly by: string;
  readonly comment: string;
}

/** Which alerts to list: empty texts and undefined choose all. Newest first, from below an id on. */
export interface AlertPage {
  readonly state: AlertState | undefined;
  readonly monitor: string;
  readonly target: string;
  readonly before: string | undefined;
  readonly limit: number;
}

/** Shows alerts and lets people and workflows answer them. */
@Injectable()
export class AlertsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(AlertLifecycle) private readonly lifecycle: AlertLifecycle,
    @Inject(Announcements) private readonly announcements: Announcements,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** @throws {NotFound} ALERT_NOT_FOUND */
  get(tenant: string, id: string): Promise<AlertRow> {
    return this.database.inTenant(tenant, (tx) => find(tx, { tenant, id }));
  }

  list(tenant: string, page: AlertPage): Promise<AlertRow[]> {
    return this.database.inTenant(tenant, (tx) => {
      const query = tx.manager.createQueryBuilder(AlertRow, 'alert').where('alert.tenantId = :tenant', { tenant });
      if (page.state) query.andWhere('alert.state = :state', { state: page.state });
      if (page.monitor !== '') query.andWhere('alert.monitorId = :monitor', { monitor: page.monitor });
      if (page.target !== '') query.andWhere('alert.target = :target', { target: page.target });
      if (page.before !== undefined) query.andWhere('alert.id < :before', { before: page.before });
      return query.orderBy('alert.id', 'DESC').limit(page.limit).getMany();
    });
  }

  /**
   * Says that someone works on an alert. One that is acknowledged already stays as it is.
   *
   * @throws {NotFound} ALERT_NOT_FOUND
   * @throws {FailedPrecondition} ALERT_NOT_FIRING where it is pending or has ended
   * @throws {Aborted} ALERT_CHANGED where the etag is not the current one
   */
  acknowledge(answer: AlertAnswer): Promise<AlertRow> {
    return this.database.inTenant(answer.tenant, async (tx) => {
      const alert = await lock(tx, answer);
      if (alert.state === 'ACKNOWLEDGED') return alert;
      if (alert.state !== 'FIRING') throw notFiring(alert, 'acknowledged');
      const now = this.clock.now();
      const { by: acknowledgedBy, comment } = answer;
      const changed = {
        state: 'ACKNOWLEDGED' as const,
        acknowledgedAt: now,
        acknowledgedBy,
        comment,
        revision: alert.revision + 1,
        updatedAt: now,
      };
      await tx.manager.update(AlertRow, { tenantId: alert.tenantId, id: alert.id }, changed);
      const acknowledged: AlertRow = { ...alert, ...changed };
      await this.announcements.changed(tx, acknowledged);
      return acknowledged;
    });
  }

  /**
   * Ends an alert. One that has ended already stays as it is, so that whoever comes second succeeds too.
   *
   * @throws {NotFound} ALERT_NOT_FOUND
   * @throws {FailedPrecondition} ALERT_NOT_FIRING where it is pending
   * @throws {Aborted} ALERT_CHANGED where the etag is not the current one
   */
  resolve(answer: AlertAnswer): Promise<AlertRow> {
    return this.database.inTenant(answer.tenant, async (tx) => {
      const alert = await lock(tx, answer);
      if (alert.state === 'PENDING') throw notFiring(alert, 'resolved');
      if (alert.state === 'RESOLVED') return alert;
      const [resolved = alert] = await this.lifecycle.end(tx, [alert], { by: answer.by, comment: answer.comment, at: this.clock.now() });
      return resolved;
    });
  }
}

/** The etag of an alert: its revision. */
export function alertEtag({ revision }: Pick<AlertRow, 'revision'>): string {
  return String(revision);
}

/** Ids are UUIDs; anything else names no alert. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function find(tx: Tx, { tenant, id }: Pick<AlertAnswer, 'tenant' | 'id'>, isLocked = false): Promise<AlertRow> {
  const where = { tenantId: tenant, id };
  const row = uuid.test(id)
    ? await tx.manager.findOne(AlertRow, { where, ...(isLocked && { lock: { mode: 'pessimistic_write' } }) })
    : null;
  if (!row) throw new NotFound('ALERT_NOT_FOUND', `there is no alerts/${id} in tenants/${tenant}`, { alert: id });
  return row;
}

async function lock(tx: Tx, answer: AlertAnswer): Promise<AlertRow> {
  const alert = await find(tx, answer, true);
  if (answer.etag !== '' && answer.etag !== alertEtag(alert))
    throw new Aborted(
      'ALERT_CHANGED',
      `alerts/${alert.id} changed since it was read: its etag is ${alertEtag(alert)}, not ${answer.etag}`,
      { alert: alert.id },
    );
  return alert;
}

function notFiring(alert: AlertRow, verb: string): FailedPrecondition {
  const message = `alerts/${alert.id} is ${alert.state.toLowerCase()}; only an alert that fires can be ${verb}`;
  return new FailedPrecondition('ALERT_NOT_FIRING', message, { alert: alert.id, state: alert.state });
}
