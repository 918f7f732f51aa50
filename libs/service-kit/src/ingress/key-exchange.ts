import { createHash } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { tenants } from '@q2/contracts';
import { DomainError, isTransient, Unauthenticated } from '@q2/errors';
import { Turns } from '@q2/events';
import { LRUCache } from 'lru-cache';
import type { ServiceClients } from '../clients/service-clients.js';

/** A token in exchange for a key. */
export interface ExchangedToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** A key that was revoked stops within this time. */
export const keyKnownForMs = 60_000;
/** A key that was refused is not asked about again for this long. */
const refusalKnownForMs = 10_000;
const remembered = 10_000;
/** Exchanges at once: a flood of made-up keys must not become a flood of calls. */
const askingAtOnce = 8;

const keyForm = /^q2_k[a-z2-7]{15}_[A-Za-z0-9_-]{43}$/;

/** Has tenant-manager exchange keys. It is asked as a service of the platform, which it does not slow as it does those who guess. */
export function issueBy(clients: ServiceClients): (apiKey: string) => Promise<ExchangedToken> {
  return async (value) => {
    const { accessToken, expireTime } = await clients.get(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value } });
    return { token: accessToken, expiresAt: expireTime ? timestampDate(expireTime) : new Date() };
  };
}

/** True for what can only be meant as an API key. */
export function isMeantAsApiKey(credential: string): boolean {
  return credential.startsWith('q2_');
}

/** Exchanges API keys for access tokens, and remembers for a short time what came of it, under a hash of the key. */
export class KeyExchange {
  private readonly known = new LRUCache<string, { readonly token: string; readonly untilMs: number }>({ max: remembered });
  private readonly refused = new LRUCache<string, { readonly error: DomainError; readonly untilMs: number }>({ max: remembered });
  private readonly asking = new Map<string, Promise<string>>();
  private readonly turns = new Turns(askingAtOnce);

  /**
   * @param issue asks tenant-manager
   * @param nowMs milliseconds since the epoch
   */
  constructor(
    private readonly issue: (apiKey: string) => Promise<ExchangedToken>,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /**
   * @throws {Unauthenticated} CREDENTIAL_REFUSED
   * @throws {FailedPrecondition} TENANT_NOT_ACTIVE
   * @throws {Unavailable} where tenant-manager is away
   */
  async tokenOf(apiKey: string): Promise<string> {
    if (!keyForm.test(apiKey)) throw new Unauthenticated('CREDENTIAL_REFUSED', 'the credential is not one of this platform');
    const id = createHash('sha256').update(apiKey).digest('base64');
    const known = this.known.get(id);
    if (known && known.untilMs > this.nowMs()) return known.token;
    const refused = this.refused.get(id);
    if (refused && refused.untilMs > this.nowMs()) throw refused.error;
    const asking = this.asking.get(id) ?? this.ask(id, apiKey);
    this.asking.set(id, asking);
    return asking;
  }

  private async ask(id: string, apiKey: string): Promise<string> {
    try {
      const { token, expiresAt } = await this.turns.take(() => this.issue(apiKey));
      this.known.set(id, { token, untilMs: Math.min(this.nowMs() + keyKnownForMs, expiresAt.getTime()) });
      return token;
    } catch (error) {
      if (error instanceof DomainError && !isTransient(error)) this.refused.set(id, { error, untilMs: this.nowMs() + refusalKnownForMs });
      throw error;
    } finally {
      this.asking.delete(id);
    }
  }
}
