/** What one side puts in and the other takes out, in order. Bounded by what a worker's capacity allows to be under way. */
export class Channel<T> implements AsyncIterable<T> {
  private readonly items: T[] = [];
  private isClosed = false;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;

  /** Puts an item in. After the end it is dropped: nobody will take it. */
  push(item: T): void {
    if (this.isClosed) return;
    this.items.push(item);
    this.wake?.();
  }

  /** Ends it; what is in it is still taken out. */
  close(): void {
    this.isClosed = true;
    this.wake?.();
  }

  /** Ends it with an error, after what is in it. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const item = this.items.shift();
      if (item !== undefined) yield item;
      else if (this.failure !== undefined) throw this.failure.error;
      else if (this.isClosed) return;
      else await this.nextChange();
    }
  }

  private async nextChange(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wake = resolve;
    await promise;
    this.wake = undefined;
  }
}
