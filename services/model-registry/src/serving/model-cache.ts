import { FailedPrecondition, Unavailable } from '@q2/errors';
import { planEviction, type Occupant } from './eviction.js';

/** Something that takes memory until it is unloaded. */
export interface Unloadable {
  /** Resolves when the memory is free again. */
  unload(): Promise<void>;
}

/** What to load where it is not loaded. */
export interface Loadable<M extends Unloadable> {
  /** Tells apart everything that may be loaded. */
  readonly key: string;
  /** Memory that it takes. */
  readonly bytes: number;
  load(): Promise<M>;
}

/** A model in memory, for reports. */
export interface Resident<M> {
  readonly key: string;
  readonly bytes: number;
  readonly isPinned: boolean;
  readonly holders: number;
  readonly loadMs: number;
  readonly loadedAt: Date;
  readonly lastUsedAt: Date;
  readonly model: M;
}

/** Keeps a model in memory until released. */
export interface Hold<M> {
  readonly model: M;
  /** The model as it stood when the hold began, this hold not counted. */
  readonly resident: Resident<M>;
  /** It had to be loaded for this hold. */
  readonly isCold: boolean;
  release(): void;
}

export type UnloadCause = 'REQUESTED' | 'EVICTED';

export interface ModelCacheOptions<M> {
  readonly limitBytes: number;
  readonly isPinned: (key: string) => boolean;
  readonly now: () => Date;
  readonly onLoaded?: (resident: Resident<M>) => void;
  readonly onUnloaded?: (model: M, cause: UnloadCause) => void;
}

type State = 'LOADING' | 'READY' | 'LEAVING' | 'STUCK';

interface Loaded<M> {
  readonly model: M;
  readonly loadMs: number;
  readonly loadedAt: Date;
}

interface Entry<M> {
  readonly key: string;
  readonly bytes: number;
  state: State;
  holders: number;
  lastUse: number;
  lastUsedAt: Date;
  readonly ready: Promise<Loaded<M>>;
  /** What `ready` gave, once it did. */
  loaded?: Loaded<M>;
}

/**
 * Models in memory, weighed by bytes, the least recently used leaving first. Memory is reserved before a load and given back
 * when an unload is confirmed, so the limit holds at every moment. However many ask for a model, it is loaded once.
 */
export class ModelCache<M extends Unloadable> {
  private readonly entries = new Map<string, Entry<M>>();
  /** Room is made for one load after another; the loads themselves overlap. */
  private lastAdmission: Promise<unknown> = Promise.resolve();
  private uses = 0;

  constructor(private readonly options: ModelCacheOptions<M>) {}

  /** Memory that is taken or reserved. */
  get usedBytes(): number {
    return [...this.entries.values()].reduce((total, { bytes }) => total + bytes, 0);
  }

  /**
   * Holds a model in memory, loading it on first use. Every hold needs one release.
   *
   * @throws {ResourceExhausted} MODEL_TOO_LARGE or MODEL_MEMORY_FULL
   * @throws {Unavailable} MODEL_UNLOAD_FAILED where an earlier unload of it did not end
   * @throws whatever loading throws
   */
  async acquire(loadable: Loadable<M>): Promise<Hold<M>> {
    const known = this.entries.get(loadable.key);
    if (known?.state === 'READY' || known?.state === 'LOADING') return this.hold(known, false)();
    const held = await this.inTurn(async () => {
      const present = this.entries.get(loadable.key);
      if (present?.state === 'STUCK') throw unloadFailed(loadable.key);
      if (present !== undefined) return this.hold(present, false);
      await this.makeRoom(loadable.bytes);
      return this.hold(this.startLoading(loadable), true);
    });
    return held();
  }

  /**
   * Takes a model out of memory; does nothing where it is not there.
   *
   * @throws {FailedPrecondition} MODEL_BUSY where it is pinned or held
   * @throws {Unavailable} MODEL_UNLOAD_FAILED
   */
  unload(key: string): Promise<void> {
    return this.inTurn(async () => {
      const entry = this.entries.get(key);
      if (entry === undefined) return;
      if (entry.state !== 'STUCK' && !this.isIdle(entry))
        throw new FailedPrecondition('MODEL_BUSY', 'the model is pinned or in use; unpin or release it first');
      await this.leave(entry, 'REQUESTED');
      if (this.entries.has(key)) throw unloadFailed(key);
    });
  }

  /** The models that are loaded, last used first. */
  residents(): Resident<M>[] {
    const entries = [...this.entries.values()].sort((one, other) => other.lastUse - one.lastUse);
    return entries.flatMap((entry) => (entry.state === 'READY' && entry.loaded ? this.residentOf(entry, entry.loaded) : []));
  }

  /** Unloads everything once nothing is held any more or `waitMs` are over; for shutdown. */
  async clear(waitMs: number): Promise<void> {
    const deadlineMs = Date.now() + waitMs;
    while (Date.now() < deadlineMs && [...this.entries.values()].some(({ holders }) => holders > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await this.inTurn(() => Promise.all([...this.entries.values()].map((entry) => this.leave(entry, 'REQUESTED'))));
  }

  /** Holds at once, so that nothing can evict the model before it is ready, and gives what waits until it is. */
  private hold(entry: Entry<M>, isCold: boolean): () => Promise<Hold<M>> {
    entry.holders += 1;
    entry.lastUse = this.uses += 1;
    entry.lastUsedAt = this.options.now();
    let isHeld = true;
    const release = () => {
      if (isHeld) entry.holders -= 1;
      isHeld = false;
    };
    return async () => {
      try {
        const loaded = await entry.ready;
        const resident = this.residentOf(entry, loaded);
        return { model: loaded.model, resident: { ...resident, holders: resident.holders - 1 }, isCold, release };
      } catch (error) {
        release();
        throw error;
      }
    };
  }

  /** An unload that fails keeps its memory reserved, so room is planned again until it is there or cannot be made. */
  private async makeRoom(bytes: number): Promise<void> {
    for (;;) {
      const occupants = [...this.entries.values()].map((entry) => this.occupantOf(entry));
      const victims = planEviction(occupants, { bytes, limitBytes: this.options.limitBytes });
      if (victims.length === 0) return;
      const leaving = victims.flatMap(({ key }) => this.entries.get(key) ?? []);
      await Promise.all(leaving.map((entry) => this.leave(entry, 'EVICTED')));
    }
  }

  private startLoading(loadable: Loadable<M>): Entry<M> {
    const startedMs = performance.now();
    const entry: Entry<M> = {
      key: loadable.key,
      bytes: loadable.bytes,
      state: 'LOADING',
      holders: 0,
      lastUse: 0,
      lastUsedAt: this.options.now(),
      ready: loadable.load().then(
        (model) => this.becomeReady(entry, { model, loadMs: performance.now() - startedMs, loadedAt: this.options.now() }),
        (error: unknown) => {
          this.entries.delete(entry.key);
          throw error;
        },
      ),
    };
    this.entries.set(entry.key, entry);
    return entry;
  }

  private becomeReady(entry: Entry<M>, loaded: Loaded<M>): Loaded<M> {
    entry.state = 'READY';
    entry.loaded = loaded;
    this.options.onLoaded?.(this.residentOf(entry, loaded));
    return loaded;
  }

  /** From the first moment on nobody gets the model any more: whoever asks waits for the unload and loads it anew. */
  private async leave(entry: Entry<M>, cause: UnloadCause): Promise<void> {
    entry.state = 'LEAVING';
    try {
      const { model } = await entry.ready;
      await model.unload();
      this.entries.delete(entry.key);
      this.options.onUnloaded?.(model, cause);
    } catch {
      entry.state = 'STUCK';
    }
  }

  private isIdle(entry: Entry<M>): boolean {
    return entry.state === 'READY' && entry.holders === 0 && !this.options.isPinned(entry.key);
  }

  private occupantOf(entry: Entry<M>): Occupant {
    const { key, bytes, lastUse } = entry;
    return { key, bytes, lastUse, isIdle: this.isIdle(entry) };
  }

  private residentOf({ key, bytes, holders, lastUsedAt }: Entry<M>, loaded: Loaded<M>): Resident<M> {
    return { key, bytes, holders, lastUsedAt, isPinned: this.options.isPinned(key), ...loaded };
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.lastAdmission.then(work);
    this.lastAdmission = turn.catch(() => undefined);
    return turn;
  }
}

function unloadFailed(key: string): Unavailable {
  return new Unavailable(
    'MODEL_UNLOAD_FAILED',
    `${key} could not be taken out of memory; its memory stays reserved until the server restarts`,
    { key },
  );
}
