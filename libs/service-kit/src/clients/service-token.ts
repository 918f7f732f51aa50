import { readFile } from 'node:fs/promises';
import { Unavailable } from '@q2/errors';
import type { TokenSource } from './service-clients.js';

/** Exchanges a key for an access token and tells until when it is good. */
export type Exchange = (key: string) => Promise<{ token: string; expiresAt: Date }>;

/** A token is renewed when a fifth of its life is left. */
const renewAtShare = 0.8;

/** A service's own identity: its key is exchanged for access tokens, each used until shortly before it ends. */
export class ServiceToken implements TokenSource {
  private current: { token: string; renewAtMs: number } | undefined;
  private renewing: Promise<string> | undefined;

  /** @param keyFile file with the service's key; read anew for each exchange, so that a rotated key is picked up */
  constructor(
    private readonly keyFile: string,
    private readonly exchange: Exchange,
  ) {}

  async token(): Promise<string> {
    if (this.current && Date.now() < this.current.renewAtMs) return this.current.token;
    this.renewing ??= this.renew().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renew(): Promise<string> {
    const { token, expiresAt } = await this.exchange(await this.readKey());
    const lifeMs = expiresAt.getTime() - Date.now();
    this.current = { token, renewAtMs: Date.now() + lifeMs * renewAtShare };
    return token;
  }

  private async readKey(): Promise<string> {
    try {
      return (await readFile(this.keyFile, 'utf8')).trim();
    } catch {
      throw new Unavailable('SERVICE_KEY_MISSING', `the service's key cannot be read from ${this.keyFile}`);
    }
  }
}
