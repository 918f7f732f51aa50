import { readFile } from 'node:fs/promises';
import { Unavailable } from '@q2/errors';
import type { TokenSource } from './service-clients.js';

/** Exchanges a key for an access token and tells until when it is good. */
export type Exchange = (key: string) => Promise<{ token: string; expiresAt: Date }>;

/** A token is renewed when half of its life is left: tenant-manager may be away for the other half. */
const renewAtShare = 0.5;
/** How often the renewal is tried while the token is good for longer. */
const retryEveryMs = 2_000;
/** A token this close to its end may be refused on arrival. */
const lastMomentMs = 5_000;

/**
 * A service's own identity: its key is exchanged for access tokens. Each is renewed in the background, also while nobody
 * asks, so that a caller waits for the very first only.
 */
export class ServiceToken implements TokenSource {
  private current: { token: string; goodUntilMs: number } | undefined;
  private renewing: Promise<string> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param keyFile file with the service's key; read anew for each exchange, so that a rotated key is picked up */
  constructor(
    private readonly keyFile: string,
    private readonly exchange: Exchange,
  ) {}

  /** @throws {Unavailable} where there is no token yet, or none any more, and tenant-manager cannot be reached */
  async token(): Promise<string> {
    if (this.current && Date.now() < this.current.goodUntilMs - lastMomentMs) return this.current.token;
    return this.renewOnce();
  }

  private renewOnce(): Promise<string> {
    this.renewing ??= this.renew().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renew(): Promise<string> {
    const { token, expiresAt } = await this.exchange(await this.readKey());
    const goodUntilMs = expiresAt.getTime();
    this.current = { token, goodUntilMs };
    this.renewAfter(Math.max((goodUntilMs - Date.now()) * renewAtShare, retryEveryMs));
    return token;
  }

  private renewAfter(waitMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.renewOnce().catch(() => this.renewAfter(retryEveryMs)), waitMs);
    this.timer.unref();
  }

  private async readKey(): Promise<string> {
    try {
      return (await readFile(this.keyFile, 'utf8')).trim();
    } catch {
      throw new Unavailable('SERVICE_KEY_MISSING', `the service's key cannot be read from ${this.keyFile}`);
    }
  }
}
