import { ResourceExhausted, Unavailable } from '@q2/errors';

export interface ConnectionGateOptions {
  /** Name for messages, such as `models`. */
  readonly name: string;
  /** How many may be inside at once. */
  readonly capacity: number;
  /** How many may wait; one more is refused at once. */
  readonly maxWaiting: number;
  /** How long one waits before it is refused. */
  readonly acquireTimeoutMs: number;
}

interface Waiter {
  readonly admit: () => void;
}

/**
 * Admits as many transactions as the pool has connections. Others wait in a bounded queue for a bounded time: under
 * overload callers are told to come back, and memory does not grow.
 */
export class ConnectionGate {
  private inside = 0;
  private readonly waiters = new Set<Waiter>();
  private isClosed = false;
  private onEmpty: (() => void) | undefined;

  constructor(private readonly options: ConnectionGateOptions) {}

  /** How many are inside, and how many wait. */
  get status(): { readonly inUse: number; readonly waiting: number } {
    return { inUse: this.inside, waiting: this.waiters.size };
  }

  /**
   * Enters, waiting where the gate is full. Every enter needs one {@link leave}.
   *
   * @throws {ResourceExhausted} DATABASE_POOL_EXHAUSTED where the queue is full or the wait was too long
   * @throws {Unavailable} DATABASE_CLOSED after {@link close}
   */
  async enter(): Promise<void> {
    if (this.isClosed) {
      throw new Unavailable('DATABASE_CLOSED', `the database of ${this.options.name} is closed: this process is shutting down`);
    }
    if (this.inside < this.options.capacity) {
      this.inside += 1;
      return;
    }
    if (this.waiters.size >= this.options.maxWaiting) {
      throw this.exhausted(`${String(this.waiters.size)} calls wait already`);
    }
    await this.waitForTurn();
  }

  /** Leaves; the place goes to the one that waited longest. */
  leave(): void {
    const [next] = this.waiters;
    if (next === undefined) {
      this.inside -= 1;
      if (this.inside === 0) this.onEmpty?.();
      return;
    }
    this.waiters.delete(next);
    next.admit();
  }

  /** Admits nobody new; those inside and in the queue finish first. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.inside > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  private waitForTurn(): Promise<void> {
    const { acquireTimeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(this.exhausted(`none came free within ${String(acquireTimeoutMs)} ms`));
      }, acquireTimeoutMs);
      const waiter: Waiter = {
        admit: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.waiters.add(waiter);
    });
  }

  private exhausted(detail: string): ResourceExhausted {
    const { name, capacity, acquireTimeoutMs } = this.options;
    return new ResourceExhausted(
      'DATABASE_POOL_EXHAUSTED',
      `all ${String(capacity)} database connections of ${name} are in use: ${detail}`,
      { pool: name, capacity: String(capacity) },
      { retryAfterMs: Math.max(100, Math.round(acquireTimeoutMs / 2)) },
    );
  }
}
