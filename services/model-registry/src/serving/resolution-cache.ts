/** What was found, and when. */
interface Remembered<T> {
  readonly found: T;
  readonly atMs: number;
}

export interface ResolutionCacheOptions {
  /** Longest time that something is remembered, should word of a change be lost. */
  readonly maxAgeMs: number;
  /** Most that is remembered; past it all is forgotten. */
  readonly maxEntries: number;
  readonly nowMs: () => number;
}

/**
 * Remembers what selectors of models led to, until the model changes. What was being read while something changed is not
 * remembered: it may be from before the change.
 */
export class ResolutionCache<T> {
  private readonly byModel = new Map<string, Map<string, Remembered<T>>>();
  private entries = 0;
  private changes = 0;

  constructor(private readonly options: ResolutionCacheOptions) {}

  /** What `selector` leads to: as remembered, or as `read` finds it. Failures are not remembered. */
  async resolve(model: string, selector: string, read: () => Promise<T>): Promise<T> {
    const known = this.byModel.get(model)?.get(selector);
    if (known !== undefined && this.options.nowMs() - known.atMs < this.options.maxAgeMs) return known.found;
    const changesBefore = this.changes;
    const found = await read();
    if (this.changes === changesBefore) this.remember(model, selector, found);
    return found;
  }

  /** Forgets a model; everything where `model` is empty. */
  forget(model: string): void {
    this.changes += 1;
    if (model === '') this.forgetAll();
    this.entries -= this.byModel.get(model)?.size ?? 0;
    this.byModel.delete(model);
  }

  private remember(model: string, selector: string, found: T): void {
    if (this.entries >= this.options.maxEntries) this.forgetAll();
    const selectors = this.byModel.get(model) ?? new Map<string, Remembered<T>>();
    if (!selectors.has(selector)) this.entries += 1;
    this.byModel.set(model, selectors.set(selector, { found, atMs: this.options.nowMs() }));
  }

  private forgetAll(): void {
    this.byModel.clear();
    this.entries = 0;
  }
}
