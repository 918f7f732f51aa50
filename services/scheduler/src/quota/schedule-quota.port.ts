/** What tenants may schedule by their plans, and by those of the tenants above them. */
export abstract class ScheduleQuota {
  /**
   * Takes one of the tenant's schedules for a trigger. Taking it again for the same trigger changes nothing.
   *
   * @param trigger full name
   * @throws {ResourceExhausted} QUOTA_EXCEEDED, naming the tenant whose limit binds
   */
  abstract acquire(tenant: string, trigger: string): Promise<void>;

  /** Gives it back; nothing happens where the trigger has none. */
  abstract release(tenant: string, trigger: string): Promise<void>;
}
