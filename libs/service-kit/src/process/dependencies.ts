import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineExceeded, ResourceExhausted, Unavailable } from '@q2/errors';
import type { Logger } from './logger.js';
import { whyAway } from './why-away.js';

/** Thrown out of a start that was told to stop while it waited. */
export class StartAborted extends Error {
  constructor() {
    super('the process was told to stop before it was ready');
    this.name = 'StartAborted';
  }
}

const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** A wait that lasts is logged again this often. */
const remindEveryMs = 10_000;

/**
 * What a process needs of others before it can serve. A patient one waits for it for ever, and says what it waits for; for
 * one that is not, what is missing at the start is a failed start.
 */
export class Dependencies {
  private readonly missing = new Map<string, string>();

  /** @param patience ends the waiting when aborted; without it nothing is waited for */
  constructor(
    private readonly logger: Logger,
    private readonly patience: AbortSignal | undefined,
  ) {}

  /** What is waited for now, with the reason; undefined where nothing is. */
  get waitingFor(): string | undefined {
    return this.missing.size === 0 ? undefined : [...this.missing].map(([what, why]) => `${what}: ${why}`).join('; ');
  }

  /**
   * Tries until it succeeds, as long as what fails may come right by itself.
   *
   * @param what   is obtained and from where, such as `PostgreSQL at db:5432`
   * @throws {StartAborted} where the process is told to stop meanwhile
   */
  obtain<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.repeat(what, attempt, (patience, trying) => untilAborted(patience, trying));
  }

  /** As {@link obtain}, but an attempt under way is never abandoned: what it has begun it ends itself. */
  complete<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.repeat(what, attempt, (_, trying) => trying);
  }

  private async repeat<T>(what: string, attempt: () => Promise<T>, bound: Bound<T>): Promise<T> {
    const { patience } = this;
    if (patience === undefined) return attempt();
    const waiting = new Waiting(what, this.logger);
    try {
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
        const outcome = await bound(patience, outcomeOf(attempt));
        if ('result' in outcome) {
          waiting.end();
          return outcome.result;
        }
        this.missing.set(what, waiting.report(outcome.error));
        await untilAborted(patience, sleep(pauseMs / 2 + Math.random() * pauseMs));
      }
    } finally {
      this.missing.delete(what);
    }
  }
}

/** One line when a wait begins or changes, and every ten seconds. */
class Waiting {
  private readonly beganAtMs = performance.now();
  private reported: { why: string; atMs: number } | undefined;

  constructor(
    private readonly what: string,
    private readonly logger: Logger,
  ) {}

  report(error: Error): string {
    const why = whyAway(error);
    const now = performance.now();
    if (this.reported?.why !== why || now - this.reported.atMs >= remindEveryMs) {
      this.logger.warn({ waitedSeconds: this.seconds() }, `waiting for ${this.what}: ${why}`);
      this.reported = { why, atMs: now };
    }
    return why;
  }

  end(): void {
    if (this.reported) this.logger.warn({ waitedSeconds: this.seconds() }, `no longer waiting for ${this.what}`);
  }

  private seconds(): number {
    return Math.round((performance.now() - this.beganAtMs) / 100) / 10;
  }
}

type Outcome<T> = { readonly result: T } | { readonly error: Error };
type Bound<T> = (patience: AbortSignal, trying: Promise<Outcome<T>>) => Promise<Outcome<T>>;

/** What is away may come, and what is overloaded may be less so; a wrong password never comes right. */
const mayComeRight = [Unavailable, DeadlineExceeded, ResourceExhausted];

async function outcomeOf<T>(attempt: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { result: await attempt() };
  } catch (error) {
    const isTaken = error instanceof Unavailable && error.reason === 'PORT_IN_USE';
    if (mayComeRight.some((kind) => error instanceof kind) && !isTaken && error instanceof Error) return { error };
    throw error;
  }
}

async function untilAborted<T>(patience: AbortSignal, work: Promise<T>): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new StartAborted());
    if (patience.aborted) abort();
    patience.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    patience.removeEventListener('abort', abort);
    aborted.catch(() => undefined);
  }
}
