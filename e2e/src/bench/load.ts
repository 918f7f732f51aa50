/** How a load is put on. */
export interface LoadOptions {
  readonly concurrency: number;
  readonly durationMs: number;
}

/** Makes calls, a fixed number at a time, for a bounded time. Gives calls completed per second. */
export async function throughput(call: () => Promise<unknown>, options: LoadOptions): Promise<number> {
  const endAt = performance.now() + options.durationMs;
  let completed = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: options.concurrency }, async () => {
      while (performance.now() < endAt) {
        await call();
        completed += 1;
      }
    }),
  );
  return completed / ((performance.now() - startedAt) / 1000);
}
