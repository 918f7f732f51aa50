import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { auditEvents } from '@q2/contracts';
import { Database, newId } from '@q2/database';
import { DomainError } from '@q2/errors';
import { Outbox } from '@q2/events';
import { Clock, Logger } from '@q2/service-kit';

const flushEveryMs = 1_000;

/** What was counted of a tenant, under the id of the event that tells it. */
interface Announcement {
  readonly id: string;
  readonly tenant: string;
  readonly quantity: number;
  /** An earlier try may have been committed: it is repeated as it is, so that its consumer counts it once. */
  readonly isUnsure: boolean;
}

/** Counts predictions in memory, one number for each tenant, and announces them each second. */
@Injectable()
export class UsageMeter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private counts = new Map<string, number>();
  private unsure: Announcement[] = [];
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
      const counted = [...this.counts].map(([tenant, quantity]) => ({ id: newId(), tenant, quantity, isUnsure: false }));
      this.counts = new Map();
      for (const announcement of [...this.unsure.splice(0), ...counted]) await this.announce(announcement);
    });
    return this.flushing;
  }

  /** What cannot be announced now is counted again, unless it may have been announced: then it keeps its id. */
  private async announce(announcement: Announcement): Promise<void> {
    const { id, tenant, quantity } = announcement;
    try {
      await this.database.inTenant(tenant, (tx) =>
        this.outbox.add(tx, {
          id,
          type: auditEvents.UsageRecordedSchema,
          key: `tenants/${tenant}`,
          data: { tenant, resource: 'predictions', quantity: BigInt(quantity), time: timestampFromDate(this.clock.now()) },
        }),
      );
    } catch (error) {
      if (announcement.isUnsure || mayHaveHappened(error)) this.unsure.push({ ...announcement, isUnsure: true });
      else this.counts.set(tenant, (this.counts.get(tenant) ?? 0) + quantity);
      this.logger.warn({ err: error, tenant }, 'usage could not be announced; it is tried again');
    }
  }
}

function mayHaveHappened(error: unknown): boolean {
  return error instanceof DomainError && error.reason === 'DATABASE_COMMIT_UNKNOWN';
}
