import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { type Client, Logger, ServiceClients } from '@q2/service-kit';
import { inParallel } from '../driver/in-parallel.js';
import { type ExecutionKey, findEndedHolders, letGo } from '../executions/execution-store.js';
import { executionNameOf } from '../executions/turns.service.js';
import { OrchestratorSettings } from '../settings.js';

const resource = 'executions_concurrent';
const timeoutMs = 5_000;
const batchSize = 50;

/**
 * The share of a tenant's plan that running executions take. What an ended execution holds is given back in the
 * background, and again until tenant-manager has heard it: a crash in between loses nothing.
 */
@Injectable()
export class ExecutionQuota implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly quotas: Client<typeof tenants.QuotaService>;
  private readonly loop: BackgroundLoop;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(ServiceClients) clients: ServiceClients,
    @Inject(Logger) logger: Logger,
  ) {
    this.quotas = clients.get(tenants.QuotaService);
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
   */
  async acquire(key: ExecutionKey): Promise<void> {
    await this.quotas.acquire({ parent: `tenants/${key.tenant}`, resource, holder: executionNameOf(key), amount: 1n }, { timeoutMs });
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
      await this.quotas.release({ parent: `tenants/${key.tenant}`, resource, holder: executionNameOf(key) }, { timeoutMs });
    });
  }
}
