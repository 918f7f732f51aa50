import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { auditEvents } from '@q2/contracts';
import { Database } from '@q2/database';
import { Outbox } from '@q2/events';
import { Clock, Logger } from '@q2/service-kit';

const flushEveryMs = 1_000;

/** Counts predictions in memory, one number for each tenant, and announces them each second. */
@Injectable()
export class UsageMeter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private counts = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Pick<Database, 'inTenant'>,
    @Inject(Outbox) private readonly outbox: Pick<Outbox, 'add'>,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** Counts one prediction. */
  countPrediction(tenant: string): void {
    this.counts.set(tenant, (this.counts.get(tenant) ?? 0) + 1);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), flushEveryMs);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** Announces what was counted; one flush after another, so that a slow database is not asked twice. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(async () => {
      const counts = this.counts;
      this.counts = new Map();
      for (const [tenant, quantity] of counts) await this.announce(tenant, quantity);
    });
    return this.flushing;
  }

  /** What cannot be announced now is counted again. */
  private async announce(tenant: string, quantity: number): Promise<void> {
    try {
      await this.database.inTenant(tenant, (tx) =>
        this.outbox.add(tx, {
          type: auditEvents.UsageRecordedSchema,
          key: `tenants/${tenant}`,
          data: { tenant, resource: 'predictions', quantity: BigInt(quantity), time: timestampFromDate(this.clock.now()) },
        }),
      );
    } catch (error) {
      this.counts.set(tenant, (this.counts.get(tenant) ?? 0) + quantity);
      this.logger.warn({ err: error, tenant }, 'usage could not be announced; it is tried again');
    }
  }
}
