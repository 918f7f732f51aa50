import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { channels } from '../workflows-schema.js';
import { OrchestratorSettings } from '../settings.js';
import type { ExecutionKey, StoredEntry } from './execution-store.js';
import { ExecutionsService } from './executions.service.js';

const pageSize = 500;

/** Follows histories as they grow. */
@Injectable()
export class HistoryWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly wakers = new Map<string, Set<() => void>>();
  private stopListening: (() => Promise<void>) | undefined;
  private isStopping = false;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ExecutionsService) private readonly executions: ExecutionsService,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channels.history, (name) => this.wake(name));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    this.wake('');
    await this.stopListening?.();
  }

  /**
   * Gives every entry after a number, and each new one as it comes. Ends with the execution, with `signal`, and with the process.
   *
   * @throws {NotFound} EXECUTION_NOT_FOUND
   */
  async *follow(key: ExecutionKey, { after, signal }: { after: number; signal: AbortSignal }): AsyncIterable<StoredEntry> {
    const name = `${key.tenant}/${key.execution}`;
    const wake = () => this.wake(name);
    signal.addEventListener('abort', wake, { once: true });
    try {
      yield* this.followUntil(() => signal.aborted || this.isStopping, { key, name, after });
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  private async *followUntil(
    isOver: () => boolean,
    { key, name, after }: { key: ExecutionKey; name: string; after: number },
  ): AsyncIterable<StoredEntry> {
    let last = after;
    while (!isOver()) {
      // Taken before reading, so that what is written in between ends the wait.
      const growth = this.nextGrowth(name);
      try {
        const page = await this.executions.history(key, { after: last, limit: pageSize });
        yield* page.entries;
        if (page.isOver) return;
        last = page.entries.at(-1)?.sequence ?? last;
        if (page.entries.length < pageSize && !isOver()) await growth.promise;
      } finally {
        growth.cancel();
      }
    }
  }

  /** Resolves when the history grows, or after the poll interval. */
  private nextGrowth(name: string): { promise: Promise<void>; cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.settings.pollMs);
    const wakers = this.wakers.get(name) ?? new Set();
    this.wakers.set(name, wakers.add(resolve));
    const cancel = () => {
      clearTimeout(timer);
      wakers.delete(resolve);
      if (wakers.size === 0 && this.wakers.get(name) === wakers) this.wakers.delete(name);
    };
    return { promise, cancel };
  }

  /** An empty name stands for all: notifications may have been missed. */
  private wake(name: string): void {
    const sets = name === '' ? [...this.wakers.values()] : [this.wakers.get(name) ?? []];
    for (const wakers of sets) for (const waker of [...wakers]) waker();
  }
}
