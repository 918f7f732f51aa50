import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { tenantEvents, tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { Outbox } from '@q2/events';
import { GrpcEndpoint, ServiceModule, type ServiceImpl } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from './index.js';

/** A service that tenants call; it also publishes what tenant-manager does, in the order that the test wants. */
class UsageGrpc implements ServiceImpl<typeof tenants.UsageService> {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  getUsage() {
    return Promise.resolve({});
  }

  /** Belongs to the tenant above, as the new one does not exist for itself yet. */
  announceCreation(tenant: string): Promise<void> {
    const data = { tenant, ancestors: ['platform'], state: 'PENDING' };
    return this.database.inTenant('platform', (tx) =>
      this.outbox.add(tx, { type: tenantEvents.TenantCreatedSchema, key: `tenants/${tenant}`, data }),
    );
  }

  announceActivation(tenant: string): Promise<void> {
    const data = { tenant, ancestors: ['platform'], state: 'ACTIVE' };
    return this.database.inTenant(tenant, (tx) =>
      this.outbox.add(tx, { type: tenantEvents.TenantActivatedSchema, key: `tenants/${tenant}`, data }),
    );
  }

  /** Resolves once so many events have reached the directory. */
  async untilHeard(count: number): Promise<void> {
    for (;;) {
      const heard = await this.database.acrossTenants('inbox', (tx) =>
        tx.query(`select from inbox_event where consumer = 'usage.tenant-directory'`),
      );
      if (heard.length === count) return;
      await sleep(20);
    }
  }
}

@Module({
  imports: [ServiceModule.register({ name: 'usage', schema: { name: 'usage', entities: [], migrations: [] } })],
  providers: [UsageGrpc],
})
class UsageModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(UsageGrpc) private readonly usage: UsageGrpc,
  ) {}
  onModuleInit() {
    this.grpc.serve(tenants.UsageService, this.usage);
  }
}

describe('what a service knows of tenants', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [UsageModule] });
  });
  afterAll(() => platform.stop());

  it('lets a tenant work whose activation is heard of before its creation', async () => {
    const usage = platform.get(UsageGrpc);
    await usage.announceActivation('early');
    await usage.untilHeard(1);
    await usage.announceCreation('early');
    await usage.untilHeard(2);
    const client = platform.client(tenants.UsageService, { tenant: 'early', roles: ['admin'] });
    await expect(client.getUsage({ parent: 'tenants/early' })).resolves.toMatchObject({ hours: [] });
  });

  it('keeps a tenant waiting that is not active yet', async () => {
    const usage = platform.get(UsageGrpc);
    await usage.announceCreation('later');
    await usage.untilHeard(3);
    const client = platform.client(tenants.UsageService, { tenant: 'later', roles: ['admin'] });
    const call = client.getUsage({ parent: 'tenants/later' });
    await usage.announceActivation('later');
    await expect(call).resolves.toBeDefined();
  });
});
