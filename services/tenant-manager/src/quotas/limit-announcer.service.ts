import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { tenantEvents, tenants } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { Logger } from '@q2/service-kit';

/** A tenant's use went past a mark of its limit. */
export interface LimitCrossing {
  readonly tenant: string;
  readonly resource: string;
  readonly used: number;
  readonly limit: number | undefined;
  readonly threshold: number;
}

interface CrossingRow {
  readonly tenant: string;
  readonly resource: string;
  readonly used: string;
  readonly limit: string;
  readonly threshold: number;
}

const batchSize = 100;

/**
 * Tells tenants that a limit is near. A crossing is written down in the transaction that caused it, which may be a
 * child's, and announced in the name of the tenant whose limit it is right after. One that a crash came between is
 * announced at the next start.
 */
@Injectable()
export class LimitAnnouncer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private announcing: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.announcing;
  }

  /** Writes crossings down; they are announced once the transaction has committed. */
  async record(tx: Tx, crossings: readonly LimitCrossing[]): Promise<void> {
    await tx.query(`select set_config('q2.reach', $1, true)`, [crossings.map(({ tenant }) => tenant).join(',')]);
    await tx.execute(
      `insert into limit_crossings (tenant_id, resource, used, limit_amount, threshold_percent)
       select c.tenant, c.resource, c.used, c."limit", c.threshold
       from jsonb_to_recordset($1) as c(tenant text, resource text, used bigint, "limit" bigint, threshold int)`,
      [JSON.stringify(crossings)],
    );
    await tx.query(`select set_config('q2.reach', '', true)`);
    tx.afterCommit(() => this.wake());
  }

  /** Resolves when what was recorded before the call has been announced. */
  async settled(): Promise<void> {
    await this.announcing;
  }

  private wake(): void {
    this.announcing = this.announcing
      .then(() => this.announceAll())
      .catch((error: unknown) => {
        this.logger.warn({ err: error }, 'limits could not be announced; they will be with the next one');
      });
  }

  private async announceAll(): Promise<void> {
    while ((await this.database.acrossTenants('limit-announcement', (tx) => this.announceBatch(tx))) === batchSize);
  }

  private async announceBatch(tx: Tx): Promise<number> {
    const rows = await tx.query<CrossingRow>(
      `with next as (select tenant_id, id from limit_crossings order by id limit $1 for update skip locked)
       delete from limit_crossings c using next where c.tenant_id = next.tenant_id and c.id = next.id
       returning c.tenant_id as tenant, c.resource, c.used, c.limit_amount as "limit", c.threshold_percent as threshold`,
      [batchSize],
    );
    for (const { tenant, resource, used, limit, threshold } of rows) {
      await this.outbox.add(tx, {
        type: tenantEvents.LimitApproachingSchema,
        key: tenants.tenantName.format({ tenant }),
        tenant,
        data: { tenant, resource, used: BigInt(used), limit: BigInt(limit), thresholdPercent: threshold },
      });
    }
    return rows.length;
  }
}
