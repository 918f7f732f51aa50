import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { OutOfRange } from '@q2/errors';
import { failureOf } from './failure.js';
import { linesOf } from './lines.js';
import type { AnyObject } from './wire.js';

/** Something that happened to an object. */
export interface Change<T> {
  readonly type: 'added' | 'changed' | 'deleted';
  /** As it is now; of a deleted one the last that was seen. */
  readonly object: T;
}

export interface WatchOptions<T> {
  /** Called for each change, in order. It must not throw. */
  readonly onChange: (change: Change<T>) => void;
  /** Called when all there is has been told: at first, and after each time that changes may have been missed. */
  readonly onSynced?: () => void;
  /** Told of each failure; the watch goes on. */
  readonly onProblem?: (error: unknown) => void;
  /** Longest silence before the connection counts as dead, in milliseconds. The server speaks about once a minute. @default 150_000 */
  readonly silenceMs?: number;
}

/** What a watch asks of the API server. */
export interface WatchSource<T> {
  list(signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }>;
  follow(resourceVersion: string, signal: AbortSignal): Promise<Readable>;
}

/** What the API server says in a watch. */
type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: AnyObject & { readonly code?: number } };

const longestPauseMs = 10_000;

/**
 * Follows the objects of a kind: lists them, then watches from the moment of the list. Where the connection ends it
 * watches on from the last change seen; where the server has forgotten that moment (410) it lists again and tells what
 * is different. So `items` is what there is, a little late, and no change of the end state is ever lost. (What came and
 * went in between while nobody watched, and was forgotten, is not told.)
 */
export class ResourceWatch<T extends AnyObject> {
  private readonly known = new Map<string, T>();
  private readonly stopping = new AbortController();
  private readonly done: Promise<void>;
  private resourceVersion: string | undefined;
  private failures = 0;
  private hasSynced = false;

  constructor(
    private readonly options: WatchOptions<T>,
    private readonly source: WatchSource<T>,
  ) {
    this.done = this.run();
  }

  /** The objects as last seen, by `namespace/name`. */
  get items(): ReadonlyMap<string, T> {
    return this.known;
  }

  /** Whether all there is has been told at least once. */
  get isSynced(): boolean {
    return this.hasSynced;
  }

  /** Tells nothing more, and lets go of the connection. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.follow(this.resourceVersion ?? (await this.sync(signal)), signal);
        // A server or proxy that ends each watch at once must not be asked in a hot loop.
        await this.rest(50);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof OutOfRange) this.resourceVersion = undefined;
        else await this.pause(error);
      }
    }
  }

  private async pause(error: unknown): Promise<void> {
    this.options.onProblem?.(error);
    const pauseMs = Math.min(longestPauseMs, 100 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures += 1;
    await this.rest(pauseMs);
  }

  private async rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }

  private async sync(signal: AbortSignal): Promise<string> {
    const { items, resourceVersion } = await this.source.list(signal);
    const current = new Map(items.map((item) => [keyOf(item), item]));
    for (const [key, object] of [...this.known]) if (!current.has(key)) this.remove(key, object);
    for (const [key, object] of current) this.put(key, object);
    this.resourceVersion = resourceVersion;
    this.hasSynced = true;
    this.options.onSynced?.();
    return resourceVersion;
  }

  /** Until the connection ends. */
  private async follow(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const answer = await this.source.follow(resourceVersion, signal);
    this.failures = 0;
    const silence = setTimeout(() => answer.destroy(new Error('the watch fell silent')), this.options.silenceMs ?? 150_000);
    try {
      for await (const line of linesOf(answer)) {
        silence.refresh();
        const event: WatchEvent<T> = JSON.parse(line);
        this.hear(event);
      }
    } finally {
      clearTimeout(silence);
      answer.destroy();
    }
  }

  private hear(event: WatchEvent<T>): void {
    if (event.type === 'ERROR') {
      throw failureOf({ code: event.object.code ?? 500, body: JSON.stringify(event.object), request: 'a watch' });
    }
    const { type, object } = event;
    this.resourceVersion = object.metadata?.resourceVersion;
    if (type === 'DELETED') this.remove(keyOf(object), object);
    else if (type !== 'BOOKMARK') this.put(keyOf(object), object);
  }

  private put(key: string, object: T): void {
    const before = this.known.get(key);
    if (before !== undefined && before.metadata?.resourceVersion === object.metadata?.resourceVersion) return;
    // Another one of the same name: the one before was deleted while nobody watched.
    if (before !== undefined && before.metadata?.uid !== object.metadata?.uid) this.remove(key, before);
    const type = this.known.has(key) ? 'changed' : 'added';
    this.known.set(key, object);
    this.options.onChange({ type, object });
  }

  private remove(key: string, object: T): void {
    this.known.delete(key);
    this.options.onChange({ type: 'deleted', object });
  }
}

function keyOf({ metadata }: AnyObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
