import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { AlreadyExists, ResourceExhausted, Unavailable } from '@q2/errors';
import { GrpcEndpoint, ServiceModule, TenantQuotas, type ServiceImpl } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from './index.js';

/** tenant-manager's books, in memory; it can be away. */
class FakeBooks implements ServiceImpl<typeof tenants.QuotaService> {
  readonly held = new Map<string, bigint>();
  limit = 1_000n;
  isAway = false;

  constructor(@Inject(Database) readonly database: Database) {}

  checkLimit({ amount }: tenants.CheckLimitRequest) {
    this.checkPresence();
    return Promise.resolve({ allowed: amount <= this.limit, used: 0n, limit: this.limit, bindingTenant: 'tenants/acme' });
  }

  async acquire({ holder, amount }: tenants.AcquireRequest) {
    this.checkPresence();
    const known = this.held.get(holder);
    if (known !== undefined && known !== amount) throw new AlreadyExists('RESERVATION_DIFFERS', `${holder} has ${known}`);
    if (known === undefined && BigInt(this.held.size) >= this.limit) throw new ResourceExhausted('QUOTA_EXCEEDED', 'no more');
    this.held.set(holder, amount);
    return Promise.resolve({ holder, amount });
  }

  release({ holder }: tenants.ReleaseRequest) {
    this.checkPresence();
    const released = this.held.get(holder) ?? 0n;
    this.held.delete(holder);
    return Promise.resolve({ released });
  }

  listUsage() {
    return Promise.resolve({ usage: [] });
  }

  private checkPresence(): void {
    if (this.isAway) throw new Unavailable('TENANTS_AWAY', 'tenant-manager is away');
  }
}

@Module({
  imports: [ServiceModule.register({ name: 'model-registry', schema: { name: 'books', entities: [], migrations: [] } })],
  providers: [FakeBooks],
})
class BooksModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(FakeBooks) private readonly books: FakeBooks,
  ) {}
  onModuleInit() {
    this.grpc.serve(tenants.QuotaService, this.books);
  }
}

describe('TenantQuotas', () => {
  let platform: TestPlatform;
  let books: FakeBooks;
  let quotas: TenantQuotas;

  beforeAll(async () => {
    platform = await startTestPlatform({ modules: [BooksModule] });
    books = platform.get(FakeBooks);
    quotas = platform.get(TenantQuotas);
  });
  afterAll(() => platform.stop());
  beforeEach(() => {
    books.isAway = false;
    books.limit = 1_000n;
  });

  const share = (name: string) => ({ tenant: 'acme', resource: 'models', holder: `tenants/acme/models/${name}` }) as const;
  const holds = (name: string) => books.held.get(share(name).holder);
  const untilSettled = async () => {
    const debts = () =>
      books.database.acrossTenants('quota-settlement', (tx) => tx.query('select from quota_debts where retry_at <= now()'));
    while ((await debts()).length > 0) await sleep(50);
  };

  it('takes and gives back through tenant-manager while that is there', async () => {
    await quotas.acquire(share('plain'), 1);
    expect(holds('plain')).toBe(1n);
    await quotas.release(share('plain'));
    expect(holds('plain')).toBeUndefined();
    await expect(quotas.check(share('plain'), 1_001)).rejects.toMatchObject({ reason: 'QUOTA_EXCEEDED' });
    await expect(quotas.check(share('plain'), 1)).resolves.toBeUndefined();
  });

  it('gives a little on trust while that is away, once for a holder, and no more than a little', async () => {
    books.isAway = true;
    for (const name of ['a', 'b', 'c', 'd', 'e', 'a']) await quotas.acquire(share(name), 1);
    await expect(quotas.acquire(share('f'), 1)).rejects.toMatchObject({ reason: 'QUOTA_UNAVAILABLE' });
    await expect(quotas.check(share('f'), 1_001)).resolves.toBeUndefined();
    expect(books.held.size).toBe(0);
    books.isAway = false;
    await untilSettled();
    expect([...books.held.keys()].sort()).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => share(name).holder));
  });

  it('takes nothing on trust for a change that is undone', async () => {
    books.isAway = true;
    const change = books.database.inTenant('acme', async () => {
      await quotas.acquire(share('undone'), 1);
      throw new Error('undone');
    });
    await expect(change).rejects.toThrow('undone');
    books.isAway = false;
    await untilSettled();
    expect(holds('undone')).toBeUndefined();
  });

  it('remembers what was given back, and forgets that where it is taken anew', async () => {
    await quotas.acquire(share('gone'), 1);
    await quotas.acquire(share('back'), 1);
    books.isAway = true;
    for (const name of ['gone', 'back']) await quotas.release(share(name));
    await quotas.acquire(share('back'), 3);
    books.isAway = false;
    await untilSettled();
    expect([holds('gone'), holds('back')]).toEqual([undefined, 3n]);
    books.isAway = true;
    await quotas.release(share('back'));
    books.isAway = false;
    await quotas.acquire(share('back'), 2);
    await untilSettled();
    expect(holds('back')).toBe(2n);
  });

  it('goes on asking where a plan refuses what was taken on trust', async () => {
    books.isAway = true;
    await quotas.acquire(share('refused'), 1);
    books.limit = 0n;
    books.isAway = false;
    await untilSettled();
    const debts = await books.database.inTenant('acme', (tx) => tx.query('select holder from quota_debts'));
    expect([holds('refused'), debts]).toEqual([undefined, [{ holder: share('refused').holder }]]);
    await quotas.release(share('refused'));
  });
});
