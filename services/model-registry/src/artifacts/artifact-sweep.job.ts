import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { Clock, Logger } from '@q2/service-kit';
import { ArtifactContents } from './artifact-contents.js';
import { isReferenced, lockContent } from './artifacts.store.js';

const sweepEveryMs = 3_600_000;
/** No upload takes longer than this between its content and its row, nor between two chunks. */
const graceMs = 3_600_000;

/** Removes contents that no file refers to any more, and uploads that broke off. */
@Injectable()
export class ArtifactSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ArtifactContents) private readonly contents: ArtifactContents,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => (this.running = this.sweepQuietly()), sweepEveryMs);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Sweeps every tenant's contents; resolves to how many files went. */
  async sweep(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - graceMs);
    let removed = 0;
    for (const tenant of await this.contents.tenants()) {
      removed += await this.contents.removeAbandoned(tenant, before);
      for await (const { sha256, storedAt } of this.contents.list(tenant)) {
        if (storedAt < before && (await this.removeUnreferenced(tenant, sha256))) removed += 1;
      }
    }
    return removed;
  }

  /** An upload of the same content waits meanwhile, and then sees that the content is gone. */
  private removeUnreferenced(tenant: string, sha256: string): Promise<boolean> {
    return this.database.inTenant(tenant, async (tx) => {
      await lockContent(tx, tenant, sha256);
      return !(await isReferenced(tx, tenant, sha256)) && this.contents.delete(tenant, sha256);
    });
  }

  private async sweepQuietly(): Promise<void> {
    try {
      const removed = await this.sweep();
      this.logger.info({ removed }, 'swept artifacts');
    } catch (error) {
      this.logger.error({ err: error }, 'sweeping artifacts failed; it is tried again later');
    }
  }
}
