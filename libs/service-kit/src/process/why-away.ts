const causes: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|EAI_AGAIN|name resolution failed/i, 'its name cannot be resolved'],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timed? ?out|deadline/i, 'no answer'],
  [/ECONNRESET|EPIPE|connection (terminated|dropped)|socket hang up/i, 'the connection was cut'],
];

/** In few words why something could not be reached, for the line that a waiting process logs. */
export function whyAway(error: Error): string {
  const [, cause] = causes.find(([pattern]) => pattern.test(error.message)) ?? [undefined, error.message];
  return cause;
}
