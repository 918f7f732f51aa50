import { FailedPrecondition } from '@q2/errors';

/** A hold on a model that its holder may forget: it ends by itself. */
export interface Lease<H> {
  readonly handle: string;
  readonly tenant: string;
  /** Full name of the model, without its version. */
  readonly model: string;
  readonly hold: H;
  readonly expiresAt: Date;
}

/** The leases that run, by their handles. */
export class Leases<H extends { release(): void }> {
  private readonly running = new Map<string, Lease<H>>();

  /** @param now the clock */
  constructor(private readonly now: () => Date) {}

  /** How many leases run. */
  get size(): number {
    this.expire();
    return this.running.size;
  }

  add(lease: Lease<H>): void {
    this.running.set(lease.handle, lease);
  }

  /** How many leases of a tenant run. */
  count(tenant: string): number {
    this.expire();
    return [...this.running.values()].filter((lease) => lease.tenant === tenant).length;
  }

  /**
   * The lease that a handle stands for. A handle of another tenant or model is as unknown as one that never was.
   *
   * @throws {FailedPrecondition} LEASE_ENDED where it was released, has expired or never was
   */
  get(handle: string, owner: { readonly tenant: string; readonly model: string }): Lease<H> {
    const lease = this.find(handle, owner);
    if (lease !== undefined) return lease;
    throw new FailedPrecondition('LEASE_ENDED', `the handle ${handle} was released or has expired; acquire the model again`, { handle });
  }

  /** Ends a lease; false where it had ended already. */
  release(handle: string, owner: { readonly tenant: string; readonly model: string }): boolean {
    const lease = this.find(handle, owner);
    if (lease !== undefined) this.end(lease);
    return lease !== undefined;
  }

  /** Ends the leases whose time is over. */
  expire(): void {
    const now = this.now();
    for (const lease of this.running.values()) if (lease.expiresAt <= now) this.end(lease);
  }

  /** Ends all leases; for shutdown. */
  releaseAll(): void {
    for (const lease of this.running.values()) this.end(lease);
  }

  private find(handle: string, owner: { readonly tenant: string; readonly model: string }): Lease<H> | undefined {
    this.expire();
    const lease = this.running.get(handle);
    return lease?.tenant === owner.tenant && lease.model === owner.model ? lease : undefined;
  }

  private end(lease: Lease<H>): void {
    this.running.delete(lease.handle);
    lease.hold.release();
  }
}
