import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import type { Database, Tx } from '@q2/database';
import { AlreadyExists, DeadlineExceeded, ResourceExhausted, Unavailable } from '@q2/errors';
import { BackgroundLoop } from '@q2/events';
import type { Client, ServiceClients } from '../clients/service-clients.js';
import type { Logger } from '../process/logger.js';
import { findDue, forgetDebt, lockDebt, lockTaken, postponeDebt, recordDebt, type QuotaDebt } from './quota-debts.js';
import { checkTrust, type QuotaShare } from './trust.js';

export interface TenantQuotasOptions {
  readonly database: Database;
  readonly clients: ServiceClients;
  readonly logger: Logger;
}

/** Longest wait for tenant-manager: a change of ours waits meanwhile. */
const timeoutMs = 3_000;
const batchSize = 50;
/** How soon debts are looked at again: while tenant-manager is away, where there are none, and where a plan allows no more. */
const pauseMs = { away: 1_000, idle: 15_000, refused: 60_000 };

/**
 * The quotas that tenant-manager keeps, for services that hand out what they limit. While it is away little is given on
 * trust, and what is given back is noted; both are in the transaction of the change, and are settled when it is there again.
 */
export class TenantQuotas implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly quotas: Client<typeof tenants.QuotaService>;
  private readonly loop: BackgroundLoop;

  constructor(private readonly options: TenantQuotasOptions) {
    this.quotas = options.clients.get(tenants.QuotaService);
    this.loop = new BackgroundLoop({ name: 'settlement of quotas', log: options.logger, step: () => this.settleDue() });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /**
   * Takes a share. Taking it again for the same holder changes nothing.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   * @throws {Unavailable} QUOTA_UNAVAILABLE where tenant-manager is away and the tenant has taken enough on trust
   */
  acquire(share: QuotaShare, amount: number): Promise<void> {
    return this.options.database.inTenant(share.tenant, async (tx) => {
      const debt = await lockDebt(tx, share);
      const isTold = await this.tell(async () => {
        if (debt?.intent === 'release') await this.sendRelease(share);
        await this.sendAcquire(share, amount);
      });
      if (isTold) return debt && forgetDebt(tx, share);
      checkTrust(share, amount, await lockTaken(tx, share));
      await this.owe(tx, { share, intent: 'acquire', amount });
    });
  }

  /** Gives a share back; nothing happens where the holder has none. */
  release(share: QuotaShare): Promise<void> {
    return this.options.database.inTenant(share.tenant, async (tx) => {
      const debt = await lockDebt(tx, share);
      if (await this.tell(() => this.sendRelease(share))) return debt && forgetDebt(tx, share);
      await this.owe(tx, { share, intent: 'release', amount: debt?.amount ?? 0 });
    });
  }

  /**
   * Refuses early what could not be acquired now. Nothing is refused while tenant-manager is away.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED
   */
  async check({ tenant, resource }: QuotaShare, amount: number): Promise<void> {
    await this.tell(async () => {
      const request = { parent: `tenants/${tenant}`, resource, amount: BigInt(amount) };
      const { allowed, used, limit = 0n, bindingTenant } = await this.quotas.checkLimit(request, { timeoutMs });
      if (allowed) return;
      const message = `${bindingTenant} uses ${used} of ${limit} ${resource}; ${amount} more were asked for`;
      const metadata = { tenant: bindingTenant, resource, limit: String(limit), used: String(used), amount: String(amount) };
      throw new ResourceExhausted('QUOTA_EXCEEDED', message, metadata);
    });
  }

  private async owe(tx: Tx, debt: QuotaDebt): Promise<void> {
    await recordDebt(tx, debt);
    tx.afterCommit(() => this.loop.wake());
  }

  /** @returns false where tenant-manager is away */
  private async tell(message: () => Promise<unknown>): Promise<boolean> {
    try {
      await message();
      return true;
    } catch (error) {
      if (error instanceof Unavailable || error instanceof DeadlineExceeded) return false;
      throw error;
    }
  }

  private sendAcquire({ tenant, resource, holder }: QuotaShare, amount: number) {
    return this.quotas.acquire({ parent: `tenants/${tenant}`, resource, holder, amount: BigInt(amount) }, { timeoutMs });
  }

  private sendRelease({ tenant, resource, holder }: QuotaShare) {
    return this.quotas.release({ parent: `tenants/${tenant}`, resource, holder }, { timeoutMs });
  }

  private async settleDue(): Promise<number> {
    const due = await this.options.database.acrossTenants('quota-settlement', (tx) => findDue(tx, batchSize));
    for (const share of due) if (!(await this.settle(share))) return pauseMs.away;
    return due.length === batchSize ? 0 : pauseMs.idle;
  }

  /** The lock keeps the holder's own calls out until tenant-manager has answered. */
  private settle(share: QuotaShare): Promise<boolean> {
    return this.options.database.inTenant(share.tenant, async (tx) => {
      const debt = await lockDebt(tx, share);
      if (debt === undefined) return true;
      try {
        if (!(await this.tell(() => this.sendDebt(debt)))) return false;
        await forgetDebt(tx, share);
      } catch (error) {
        this.options.logger.warn({ err: error, ...share }, 'what was taken on trust is refused; asking again in a minute');
        await postponeDebt(tx, share, pauseMs.refused);
      }
      return true;
    });
  }

  private async sendDebt({ share, intent, amount }: QuotaDebt): Promise<void> {
    if (intent === 'release') await this.sendRelease(share);
    else await this.sendAcquire(share, amount).catch((error: unknown) => this.replace(error, share, amount));
  }

  /** A holder that came back with another amount gives back what it had. */
  private async replace(error: unknown, share: QuotaShare, amount: number): Promise<void> {
    if (!(error instanceof AlreadyExists)) throw error;
    await this.sendRelease(share);
    await this.sendAcquire(share, amount);
  }
}
