import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { MonitorRow } from '../monitors/monitor.entity.js';

/** The right to evaluate one monitor, until the lease runs out. */
export interface Claim {
  readonly tenant: string;
  readonly monitor: string;
  readonly token: string;
}

/** How long an evaluation may take before another process takes over. */
export const leaseMs = 10_000;
/** Least time between two evaluations that new points cause. */
const settleMs = 250;

/** Hands out monitors that are due, each to one evaluator at a time. */
@Injectable()
export class Claims {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Claims up to `limit` monitors of any tenant that are due at `now`, the longest due first. */
  async claimDue(now: Date, limit: number): Promise<Claim[]> {
    const token = randomUUID();
    const rows = await this.database.acrossTenants('alert-evaluation', (tx) =>
      tx.query<{ tenant: string; monitor: string }>(
        `UPDATE monitors SET lease_token = $2, lease_until = $3, due_at = $1::timestamptz + interval_ms * interval '1 millisecond'
         FROM (SELECT tenant_id, id FROM monitors WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
               ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS due
         WHERE monitors.tenant_id = due.tenant_id AND monitors.id = due.id
         RETURNING monitors.tenant_id AS tenant, monitors.id AS monitor`,
        [now.toISOString(), token, new Date(now.getTime() + leaseMs).toISOString(), limit],
      ),
    );
    return rows.map((row) => ({ ...row, token }));
  }

  /** Makes the monitors of a metric due now, or a quarter of a second after their latest evaluation. */
  async hasten(tenant: string, metrics: readonly string[], now: Date): Promise<void> {
    await this.database.inTenant(tenant, (tx) =>
      tx.execute(
        `UPDATE monitors SET due_at = greatest($3::timestamptz, evaluated_at + $4 * interval '1 millisecond')
         WHERE tenant_id = $1 AND metric = ANY($2) AND due_at > greatest($3::timestamptz, evaluated_at + $4 * interval '1 millisecond')`,
        [tenant, [...metrics], now.toISOString(), settleMs],
      ),
    );
  }
}

/** The claimed monitor, locked; undefined where it was deleted or the claim ran out and another took over. */
export async function lockClaimed(tx: Tx, claim: Claim): Promise<MonitorRow | undefined> {
  const where = { tenantId: claim.tenant, id: claim.monitor, leaseToken: claim.token };
  return (await tx.manager.findOne(MonitorRow, { where, lock: { mode: 'pessimistic_write' } })) ?? undefined;
}

/** Gives a claim back with what came of it. A claim that ran out changes nothing. */
export async function release(tx: Tx, claim: Claim, outcome: { at: Date; error: string }): Promise<void> {
  await tx.execute(
    `UPDATE monitors SET lease_token = NULL, lease_until = NULL, evaluated_at = $4, evaluate_error = $5
     WHERE tenant_id = $1 AND id = $2 AND lease_token = $3`,
    [claim.tenant, claim.monitor, claim.token, outcome.at.toISOString(), outcome.error],
  );
}
