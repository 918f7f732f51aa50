import { ResourceExhausted } from '@q2/errors';

/** Bounds the calls served at once: past the bound a call is refused at once, so that load turns into answers, not memory. */
export class InFlight {
  private count = 0;

  constructor(private readonly limit: number) {}

  get size(): number {
    return this.count;
  }

  /** @throws {ResourceExhausted} TOO_MANY_CALLS */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.count >= this.limit)
      throw new ResourceExhausted(
        'TOO_MANY_CALLS',
        `this process serves ${this.limit} calls at once; try again shortly`,
        {},
        { retryAfterMs: 100 },
      );
    this.count += 1;
    try {
      return await work();
    } finally {
      this.count -= 1;
    }
  }
}
