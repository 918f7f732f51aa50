import { DomainError } from '@q2/errors';

const retryable = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED']);
const longestWaitMs = 180_000;

/**
 * Makes a call again while the platform is away or busy, as after kill -9 and until it is started again. Safe because
 * every call of the demo is idempotent: by its request_id, or by the ids of what it records.
 */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const giveUpAt = Date.now() + longestWaitMs;
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error) || Date.now() > giveUpAt) throw error;
      await sleep(waitMs);
    }
  }
}

/** Asks until the answer is there. */
export async function until<T>(what: string, find: () => Promise<T | undefined>, limitMs = 120_000): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  while (Date.now() < giveUpAt) {
    const found = await patiently(find);
    if (found !== undefined) return found;
    await sleep(200);
  }
  throw new Error(`${what} did not happen within ${limitMs / 1000} s`);
}

function isTransient(error: unknown): boolean {
  if (error instanceof DomainError) return retryable.has(error.kind);
  return error instanceof Error && /ECONNREFUSED|ECONNRESET|CANCELLED|Connection dropped|before it could be processed/i.test(error.message);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
