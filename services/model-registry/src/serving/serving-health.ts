/** A version in memory, as its health is judged. */
export interface ServedRecord {
  readonly name: string;
  readonly predictions: number;
  readonly failures: number;
}

/** Share of failed predictions from which a version counts as unhealthy. */
const failureShare = 0.1;

/**
 * Why a tenant's models are not served well; empty where they are.
 *
 * @param loadFailures what was wrong when versions could not be loaded at their last try, by their names
 */
export function healthReasons(served: readonly ServedRecord[], loadFailures: ReadonlyMap<string, string>): string[] {
  const failing = served.filter(({ predictions, failures }) => failures > 0 && failures / (predictions + failures) >= failureShare);
  return [
    ...[...loadFailures].map(([name, problem]) => `${name} could not be loaded: ${problem}`),
    ...failing.map(({ name, predictions, failures }) => `${name}: ${failures} of ${predictions + failures} predictions failed`),
  ];
}

/** Most failures that are remembered; the oldest is forgotten first. */
const mostRemembered = 1_000;

/** The versions that could not be loaded when last tried, and why. */
export class LoadFailures {
  private readonly byName = new Map<string, string>();

  add(name: string, problem: string): void {
    this.byName.delete(name);
    this.byName.set(name, problem);
    for (const oldest of this.byName.keys()) {
      if (this.byName.size <= mostRemembered) return;
      this.byName.delete(oldest);
    }
  }

  /** The version was loaded after all. */
  clear(name: string): void {
    this.byName.delete(name);
  }

  /** Those of one tenant. */
  of(tenant: string): ReadonlyMap<string, string> {
    return new Map([...this.byName].filter(([name]) => name.startsWith(`tenants/${tenant}/`)));
  }
}
