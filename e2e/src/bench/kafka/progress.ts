/** What was measured of a stream of records. */
export interface Rate {
  readonly perSecond: number;
  /** Time that this process computed, for each record. */
  readonly cpuMicros: number;
}

/** Measures a stream of records: from `begin`, or from when the warm-up has arrived, until all have. */
export class Progress {
  private count = 0;
  private start: { readonly atMs: number; readonly cpuMicros: number; readonly count: number } | undefined;
  private done: (rate: Rate) => void = () => undefined;
  private readonly finished = new Promise<Rate>((resolve) => (this.done = resolve));

  constructor(private readonly expected: { readonly warmUp: number; readonly total: number }) {}

  begin(): void {
    this.start = { atMs: performance.now(), cpuMicros: cpuMicros(), count: this.count };
  }

  add(records: number): void {
    this.count += records;
    if (this.start === undefined) {
      if (this.count >= this.expected.warmUp) this.begin();
    } else if (this.count >= this.expected.total) this.done(this.measure(this.start));
  }

  /** Resolves once all records are there. */
  rate(): Promise<Rate> {
    return this.finished;
  }

  private measure(start: { readonly atMs: number; readonly cpuMicros: number; readonly count: number }): Rate {
    const records = this.count - start.count;
    return { perSecond: (records * 1_000) / (performance.now() - start.atMs), cpuMicros: (cpuMicros() - start.cpuMicros) / records };
  }
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
