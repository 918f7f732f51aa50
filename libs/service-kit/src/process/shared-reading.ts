/**
 * Makes a reading that costs a query cheap to ask for: all who ask while one runs, or within `maxAgeMs` after it, get the
 * same answer. However often a process is scraped, the database is asked once at a time.
 */
export function sharedReading<T>(read: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let current: { readonly answer: Promise<T>; goodUntilMs: number } | undefined;
  const begin = (): Promise<T> => {
    const reading = { answer: read(), goodUntilMs: Number.POSITIVE_INFINITY };
    current = reading;
    reading.answer.then(
      () => (reading.goodUntilMs = performance.now() + maxAgeMs),
      () => (reading.goodUntilMs = 0),
    );
    return reading.answer;
  };
  return () => (current !== undefined && performance.now() < current.goodUntilMs ? current.answer : begin());
}
