import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { Unauthenticated } from '@q2/errors';
import { Clock, tokenAudience, tokenIssuer } from '@q2/service-kit';
import { SignJWT } from 'jose';
import { TenantManagerSettings } from '../settings.js';
import { checkActivePath, rootTenant } from '../tenants/tenant.js';
import { findTenantPath } from '../tenants/tenant-rows.js';
import { findPresentedKey, type ApiKeyRow } from './api-key-rows.js';
import { shippedRoleIds } from './grant.js';
import { findOwnRoles } from './roles.service.js';
import { SigningKeysService } from './signing-keys.service.js';

/** What a token says of who bears it. */
export interface TokenSubject {
  /** Resource name, such as `tenants/acme/apiKeys/k3f…`. */
  readonly id: string;
  readonly tenant: string;
  /** Shipped roles. */
  readonly roles: readonly string[];
  /** What the tenant's own roles permit. */
  readonly permissions: readonly string[];
}

/** A signed token. */
export interface IssuedToken {
  readonly token: string;
  readonly lifetimeSeconds: number;
  readonly expiresAt: Date;
}

/** Reads who a key speaks for, and signs tokens (RFC 7519, EdDSA). */
@Injectable()
export class TokensService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SigningKeysService) private readonly keys: SigningKeysService,
    @Inject(TenantManagerSettings) private readonly settings: TenantManagerSettings,
  ) {}

  /** The key of an id, of whatever tenant; not yet known to be presented by its holder. */
  findKey(keyId: string): Promise<ApiKeyRow | undefined> {
    return this.database.inTenant(rootTenant, (tx) => findPresentedKey(tx, keyId), { readOnly: true });
  }

  /**
   * Who a key speaks for, and that it was used.
   *
   * @throws {FailedPrecondition} TENANT_NOT_ACTIVE where its tenant, or one above it, is not
   */
  subjectOfKey({ tenant, keyId, roles }: ApiKeyRow): Promise<TokenSubject> {
    return this.database.inTenant(tenant, async (tx) => {
      checkActivePath(await findTenantPath(tx));
      const own = await findOwnRoles(tx, roles);
      // To the minute: a key in constant use is not written with each token.
      await tx.execute(
        `update api_keys set last_used_at = $3 where tenant_id = $1 and key_id = $2 and (last_used_at is null or last_used_at < $3::timestamptz - interval '1 minute')`,
        [tenant, keyId, this.clock.now()],
      );
      return {
        id: tenants.apiKeyName.format({ tenant, api_key: keyId }),
        tenant,
        roles: roles.filter((role) => shippedRoleIds.has(role)),
        permissions: [...new Set([...own.values()].flat())].sort(),
      };
    });
  }

  /** Signs a token. */
  async issue(subject: TokenSubject): Promise<IssuedToken> {
    const { keyId, privateKey } = await this.keys.signer();
    const lifetimeSeconds = this.settings.Q2_TOKEN_LIFETIME_SECONDS;
    const issuedAt = Math.floor(this.clock.now().getTime() / 1000);
    const token = await new SignJWT({ tenant: subject.tenant, roles: [...subject.roles], permissions: [...subject.permissions] })
      .setProtectedHeader({ alg: 'EdDSA', kid: keyId, typ: 'JWT' })
      .setSubject(subject.id)
      .setIssuer(tokenIssuer)
      .setAudience(tokenAudience)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifetimeSeconds)
      .sign(privateKey);
    return { token, lifetimeSeconds, expiresAt: new Date((issuedAt + lifetimeSeconds) * 1000) };
  }
}

/** The refusal of any credential: which part of it was wrong is not told. */
export function credentialRefused(): Unauthenticated {
  return new Unauthenticated('CREDENTIAL_REFUSED', 'the credential is not one of this platform, or no longer valid');
}
