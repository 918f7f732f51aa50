let isSilent = false;

/**
 * Has Node say nothing of the one thing about kafkajs 2.2.4 that it complains of: a timer with a negative delay, which is
 * set with every answer that comes while nothing is throttled, and does no harm. All other warnings stay, also those of
 * negative delays elsewhere.
 */
export function silenceNegativeTimeouts(): void {
  if (isSilent) return;
  isSilent = true;
  process.emitWarning = withoutNegativeTimeouts(process.emitWarning);
}

/** Wraps a function that emits warnings. */
export function withoutNegativeTimeouts(emitWarning: typeof process.emitWarning): typeof process.emitWarning {
  return new Proxy(emitWarning, {
    apply(target, self, args: unknown[]): void {
      if (args[1] === 'TimeoutNegativeWarning' && new Error().stack?.includes('kafkajs') === true) return;
      Reflect.apply(target, self, args);
    },
  });
}
