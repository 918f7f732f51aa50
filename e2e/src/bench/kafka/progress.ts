/** What was measured of a stream of records. */
export interface Rate {
  readonly perSecond: number;
  /** Time that this process computed, for each record. */
  readonly cpuMicros: number;
}

/** Measures a stream of records from `begin` until all have come. */
export class Progress {
  private count = 0;
  private start = { atMs: 0, cpuMicros: 0 };
  private done: (rate: Rate) => void = () => undefined;
  private readonly finished = new Promise<Rate>((resolve) => (this.done = resolve));

  constructor(private readonly total: number) {}

  begin(): void {
    this.start = { atMs: performance.now(), cpuMicros: cpuMicros() };
  }

  add(records: number): void {
    this.count += records;
    if (this.count < this.total) return;
    const { atMs, cpuMicros: before } = this.start;
    this.done({ perSecond: (this.count * 1_000) / (performance.now() - atMs), cpuMicros: (cpuMicros() - before) / this.count });
  }

  /** Resolves once all records are there. */
  rate(): Promise<Rate> {
    return this.finished;
  }
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
