/** What the registry takes from a tenant's plan. */
type QuotaResource = 'models' | 'model_versions' | 'storage_bytes';

/** A share of a resource. */
export interface QuotaShare {
  readonly tenant: string;
  readonly resource: QuotaResource;
  /** Full name of what takes it; the same holder takes it once. */
  readonly holder: string;
}

/** What tenants may use by their plans, and by those of the tenants above them. */
export abstract class Quotas {
  /**
   * Takes a share. Taking it again for the same holder changes nothing.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   */
  abstract acquire(share: QuotaShare, amount: number): Promise<void>;
  /** Gives a share back; nothing happens where the holder has none. */
  abstract release(share: QuotaShare): Promise<void>;
  /**
   * Refuses early what could not be acquired now.
   *
   * @throws {ResourceExhausted} QUOTA_EXCEEDED
   */
  abstract check(share: QuotaShare, amount: number): Promise<void>;
}
