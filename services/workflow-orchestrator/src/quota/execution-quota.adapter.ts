import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { Logger, TenantQuotas, type QuotaShare } from '@q2/service-kit';
import { inParallel } from '../driver/in-parallel.js';
import { type ExecutionKey, findEndedHolders, letGo } from '../executions/execution-store.js';
import { executionNameOf } from '../executions/turns.service.js';
import { OrchestratorSettings } from '../settings.js';

const resource = 'executions_concurrent';
const batchSize = 50;

/**
 * The share of a tenant's plan that running executions take. What an ended execution holds is given back in the
 * background, and again until tenant-manager has heard it: a crash in between loses nothing.
 */
@Injectable()
export class ExecutionQuota implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(TenantQuotas) private readonly quotas: TenantQuotas,
    @Inject(Logger) logger: Logger,
  ) {
    this.loop = new BackgroundLoop({ name: 'release of quota', log: logger, step: () => this.step() });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /**
   * Takes a share for an execution; again changes nothing.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   * @throws {Unavailable} QUOTA_UNAVAILABLE
   */
  acquire(key: ExecutionKey): Promise<void> {
    return this.quotas.acquire(shareOf(key), 1);
  }

  private async step(): Promise<number> {
    const ended = await this.database.acrossTenants('workflow-claim', (tx) => findEndedHolders(tx, batchSize));
    await inParallel(ended, 4, (key) => this.giveBack(key));
    return ended.length === batchSize ? 0 : this.settings.pollMs;
  }

  /** The lock keeps a retry from failure out until it is done; the retry takes a share anew. */
  private giveBack(key: ExecutionKey): Promise<void> {
    return this.database.inTenant(key.tenant, async (tx) => {
      if (!(await letGo(tx, key.execution))) return;
      await this.quotas.release(shareOf(key));
    });
  }
}

function shareOf(key: ExecutionKey): QuotaShare {
  return { tenant: key.tenant, resource, holder: executionNameOf(key) };
}
