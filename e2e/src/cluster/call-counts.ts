/** What came of calls. */
export interface CallReport {
  readonly succeeded: number;
  readonly failed: number;
  /** Each failure that occurred, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Counts calls by their outcome. */
export class CallCounts {
  private successes = 0;
  private readonly failures = new Map<string, number>();

  succeeded(): void {
    this.successes += 1;
  }

  failed(name: string, reason: string): void {
    const key = `${name}: ${reason}`;
    this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
  }

  /** What was counted since the last time. */
  take(): CallReport {
    const failures = Object.fromEntries(this.failures);
    const report = { succeeded: this.successes, failed: [...this.failures.values()].reduce((sum, count) => sum + count, 0), failures };
    this.successes = 0;
    this.failures.clear();
    return report;
  }
}
