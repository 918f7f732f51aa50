/** How failures are slowed. */
export interface ThrottlePolicy {
  /** Failures that cost nothing. */
  readonly freeFailures: number;
  /** Wait after the first failure beyond those; doubles with each further one. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** A subject that did not fail for this long starts anew. */
  readonly forgetAfterMs: number;
  /** Most subjects remembered: memory stays bounded whatever is thrown at it. */
  readonly capacity: number;
}

interface Failures {
  readonly count: number;
  readonly lastAtMs: number;
  readonly blockedUntilMs: number;
}

/**
 * Slows subjects (a key's id, an address) that keep failing. Where more subjects fail than can be remembered, those that
 * failed longest ago are forgotten.
 */
export class Throttle {
  private readonly failures = new Map<string, Failures>();

  constructor(private readonly policy: ThrottlePolicy) {}

  /** How long the subject must wait before it may try again, in milliseconds; 0: it may now. */
  waitMs(subject: string, nowMs: number): number {
    return Math.max(0, (this.failures.get(subject)?.blockedUntilMs ?? 0) - nowMs);
  }

  /** Counts a failure of the subject. */
  recordFailure(subject: string, nowMs: number): void {
    const known = this.failures.get(subject);
    const isRecent = known !== undefined && nowMs - known.lastAtMs < this.policy.forgetAfterMs;
    const count = (isRecent ? known.count : 0) + 1;
    this.failures.delete(subject);
    this.failures.set(subject, { count, lastAtMs: nowMs, blockedUntilMs: nowMs + this.penaltyMs(count) });
    this.forgetOldest();
  }

  /** Forgets the subject's failures: it proved itself. */
  recordSuccess(subject: string): void {
    this.failures.delete(subject);
  }

  get size(): number {
    return this.failures.size;
  }

  private penaltyMs(count: number): number {
    const beyond = count - this.policy.freeFailures;
    return beyond <= 0 ? 0 : Math.min(this.policy.longestWaitMs, this.policy.firstWaitMs * 2 ** Math.min(beyond - 1, 30));
  }

  private forgetOldest(): void {
    for (const subject of this.failures.keys()) {
      if (this.failures.size <= this.policy.capacity) return;
      this.failures.delete(subject);
    }
  }
}

/**
 * The part of a peer's address that is slowed as one: an IPv4 address, or the first 64 bits of an IPv6 one, which is
 * what one customer of a network is given.
 *
 * @param peer address as gRPC tells it, such as `10.0.0.7:51234`, `ipv4:10.0.0.7:51234` or `[2001:db8::1]:51234`
 */
export function addressOf(peer: string): string {
  const withoutScheme = peer.replace(/^ipv[46]:/, '');
  const bracketed = /^\[(?<host>[^\]]*)\]/.exec(withoutScheme)?.groups?.['host'];
  const host = bracketed ?? (withoutScheme.split(':').length === 2 ? withoutScheme.replace(/:\d+$/, '') : withoutScheme);
  const mapped = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return mapped.includes(':') ? firstHalf(mapped) : mapped;
}

/** The first four groups of an IPv6 address, written out. */
function firstHalf(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = head.split(':').filter(Boolean);
  const after = (tail ?? '').split(':').filter(Boolean);
  const gap = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...new Array<string>(gap).fill('0'), ...after].slice(0, 4).join(':');
}
