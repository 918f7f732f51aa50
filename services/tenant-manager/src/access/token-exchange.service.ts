import { Inject, Injectable } from '@nestjs/common';
import { ResourceExhausted } from '@q2/errors';
import { Clock, ProcessContext } from '@q2/service-kit';
import { rootTenant } from '../tenants/tenant.js';
import { findApiKeyParts, opensApiKey, type ApiKeyText } from './api-key.js';
import { ServiceCredentials } from './service-credentials.service.js';
import { addressOf, Throttle } from './throttle.js';
import { credentialRefused, TokensService, type IssuedToken } from './tokens.service.js';

const minuteMs = 60_000;
/** Whoever knows a key's id could keep its holder out; so that wait is short. */
const perKey = { freeFailures: 5, firstWaitMs: 500, longestWaitMs: 5_000, forgetAfterMs: 10 * minuteMs, capacity: 10_000 };
/** Many clients can share an address, so more is free. */
const perAddress = { freeFailures: 50, firstWaitMs: 250, longestWaitMs: 30_000, forgetAfterMs: minuteMs, capacity: 10_000 };

/** Exchanges credentials for tokens, and slows those who guess. */
@Injectable()
export class TokenExchange {
  private readonly keys = new Throttle(perKey);
  private readonly addresses = new Throttle(perAddress);

  constructor(
    @Inject(TokensService) private readonly tokens: TokensService,
    @Inject(ServiceCredentials) private readonly services: ServiceCredentials,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ProcessContext) private readonly context: ProcessContext,
  ) {}

  /**
   * @param text what the caller presents as an API key
   * @param caller its address, and the token that came along, if any. A service of the platform asks about keys that others
   *               presented to it: slowing it for their guesses would keep all of them out
   * @throws {Unauthenticated} CREDENTIAL_REFUSED, whatever is wrong with the key
   * @throws {ResourceExhausted} TOO_MANY_FAILURES after repeated failures, even with the right secret
   * @throws {FailedPrecondition} TENANT_NOT_ACTIVE
   */
  async forApiKey(text: string, caller: { readonly peer: string; readonly token: string | undefined }): Promise<IssuedToken> {
    const parts = findApiKeyParts(text);
    if (await this.isService(caller.token)) return this.forKeyOfOthers(parts);
    const address = addressOf(caller.peer);
    this.checkWait(parts?.id, address);
    const key = parts && (await this.tokens.findKey(parts.id));
    // Again, with nothing between the look and the verdict: guesses that came side by side are slowed like those in a row.
    this.checkWait(parts?.id, address);
    if (!parts || !key || !opensApiKey(key, parts.secret, this.clock.now())) throw this.refuse(parts?.id, address);
    this.keys.recordSuccess(parts.id);
    return this.tokens.issue(await this.tokens.subjectOfKey(key));
  }

  /** The method is public; a token counts only where it proves a service of the platform. */
  private async isService(token: string | undefined): Promise<boolean> {
    if (token === undefined) return false;
    const principal = await this.context.tokens.verify(token).catch(() => undefined);
    return principal?.tenant === rootTenant && principal.roles.some((role) => role.startsWith('service:'));
  }

  private async forKeyOfOthers(parts: ApiKeyText | undefined): Promise<IssuedToken> {
    const key = parts && (await this.tokens.findKey(parts.id));
    if (!parts || !key || !opensApiKey(key, parts.secret, this.clock.now())) throw credentialRefused();
    return this.tokens.issue(await this.tokens.subjectOfKey(key));
  }

  /**
   * A service with the right secret is never kept waiting: nobody may stop the platform's own traffic by guessing.
   *
   * @throws {Unauthenticated} CREDENTIAL_REFUSED
   * @throws {ResourceExhausted} TOO_MANY_FAILURES
   */
  async forService(service: string, secret: string, peer: string): Promise<IssuedToken> {
    const id = `services/${service}`;
    if (await this.services.opens(service, secret)) {
      return this.tokens.issue({ id, tenant: rootTenant, roles: [`service:${service}`], permissions: [] });
    }
    const address = addressOf(peer);
    this.checkWait(id, address);
    throw this.refuse(id, address);
  }

  private checkWait(keyId: string | undefined, address: string): void {
    const nowMs = this.clock.now().getTime();
    const retryAfterMs = Math.max(this.addresses.waitMs(address, nowMs), keyId === undefined ? 0 : this.keys.waitMs(keyId, nowMs));
    if (retryAfterMs === 0) return;
    throw new ResourceExhausted(
      'TOO_MANY_FAILURES',
      `too many credentials were refused; try again in ${retryAfterMs} ms`,
      {},
      { retryAfterMs },
    );
  }

  private refuse(keyId: string | undefined, address: string): Error {
    const nowMs = this.clock.now().getTime();
    this.addresses.recordFailure(address, nowMs);
    if (keyId !== undefined) this.keys.recordFailure(keyId, nowMs);
    return credentialRefused();
  }
}
