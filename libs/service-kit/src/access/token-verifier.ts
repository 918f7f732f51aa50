import { Unauthenticated } from '@q2/errors';
import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify, type JSONWebKeySet } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Principal } from '../call.js';
import { permissionsOf } from './permissions.js';

export const tokenIssuer = 'q2';
export const tokenAudience = 'q2';

const claimsSchema = z.object({
  sub: z.string().min(1),
  tenant: z.string().min(1),
  roles: z.array(z.string()),
  permissions: z.array(z.string()).default([]),
  exp: z.number(),
});

interface Verified {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

/** How long after a fetch an unknown key id may cause another: a flood of forged tokens must not become a flood of fetches. */
const refetchAfterMs = 1_000;
/** Keys are read again this often, so that one that was withdrawn stops verifying. */
const keysFreshForMs = 5 * 60_000;
/** Who keeps them fresh reads them before that, also while no call comes: the issuer may be away when one does. */
const refreshEveryMs = 4 * 60_000;

/**
 * Verifies access tokens locally against cached keys (RFC 7519, EdDSA only): no network call on the hot path, and
 * verified tokens are remembered until they expire.
 */
export class TokenVerifier {
  private readonly verified = new LRUCache<string, Verified>({ max: 20_000 });
  private keys: JSONWebKeySet = { keys: [] };
  private fetchedAtMs = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param fetchKeys reads the current JWKS of the issuer
   * @param nowMs     milliseconds since the epoch
   */
  constructor(
    private readonly fetchKeys: () => Promise<JSONWebKeySet>,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /**
   * @param atMs when it must be valid, in milliseconds since the epoch: a record that waited was sent before now. Now by default
   * @throws {Unauthenticated} TOKEN_EXPIRED or TOKEN_INVALID, without saying which check failed
   */
  async verify(token: string, atMs: number = this.nowMs()): Promise<Principal> {
    const known = this.verified.get(token);
    if (known && known.expiresAtMs > atMs) return known.principal;
    this.verified.delete(token);
    const fresh = await this.check(token, atMs);
    this.verified.set(token, fresh);
    return fresh.principal;
  }

  /**
   * Reads the keys now, and from now on regularly until {@link close}.
   *
   * @throws {Unavailable} where the issuer cannot be reached
   */
  async refresh(): Promise<void> {
    await this.fetchOnce();
    this.timer ??= setInterval(() => void this.fetchOnce().catch(() => undefined), refreshEveryMs);
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async check(token: string, atMs: number): Promise<Verified> {
    try {
      await this.ensureKey(decodeProtectedHeader(token).kid);
      const { payload } = await jwtVerify(token, createLocalJWKSet(this.keys), {
        algorithms: ['EdDSA'],
        issuer: tokenIssuer,
        audience: tokenAudience,
        currentDate: new Date(atMs),
      });
      const claims = claimsSchema.parse(payload);
      const { sub: id, tenant, roles, permissions, exp } = claims;
      return { principal: { id, tenant, roles, permissions: permissionsOf(roles, permissions) }, expiresAtMs: exp * 1000 };
    } catch (error) {
      throw tokenError(error);
    }
  }

  /** Fetches the keys where this one is not known, at most once a second, one fetch at a time. */
  private async ensureKey(keyId: string | undefined): Promise<void> {
    const ageMs = this.nowMs() - this.fetchedAtMs;
    const isKnown = this.keys.keys.some((key) => key.kid === keyId);
    if (isKnown && ageMs < keysFreshForMs) return;
    if (ageMs < refetchAfterMs) return this.fetching;
    const fetched = this.fetchOnce();
    if (!isKnown) return fetched;
    // While the issuer is away, or slow, tokens of known keys go on verifying.
    fetched.catch(() => undefined);
  }

  private fetchOnce(): Promise<void> {
    this.fetching ??= this.fetch().finally(() => (this.fetching = undefined));
    return this.fetching;
  }

  private async fetch(): Promise<void> {
    this.keys = await this.fetchKeys();
    this.fetchedAtMs = this.nowMs();
  }
}

function tokenError(error: unknown): unknown {
  if (error instanceof errors.JWTExpired)
    return new Unauthenticated('TOKEN_EXPIRED', 'the access token has expired; get a new one from IssueToken');
  const isBadToken = error instanceof errors.JOSEError || error instanceof z.ZodError || error instanceof TypeError;
  if (isBadToken) return new Unauthenticated('TOKEN_INVALID', 'the access token is not one that this platform issued');
  return error;
}
