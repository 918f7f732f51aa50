/** Thrown where settings are not as they must be; the message lists every problem. The process exits with 78 (EX_CONFIG). */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`settings are wrong: ${problems.join('; ')}`);
    this.name = 'ConfigurationError';
  }
}
