import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JSONWebKeySet } from 'jose';
import { tokenAudience, tokenIssuer } from '@q2/service-kit';

/** Who a test token speaks for. */
export interface TestPrincipal {
  readonly tenant: string;
  readonly roles: readonly string[];
  /** @default `tenants/{tenant}/apiKeys/test` */
  readonly id?: string;
  /** Permissions of custom roles. */
  readonly permissions?: readonly string[];
  /** Seconds from now; negative for an expired token. @default 600 */
  readonly expiresInSeconds?: number;
  readonly audience?: string;
}

/** Signs tokens as tenant-manager does, with a key made for the test. */
export class TestTokens {
  private constructor(
    private readonly privateKey: CryptoKey,
    readonly jwks: JSONWebKeySet,
  ) {}

  static async create(keyId = 'test'): Promise<TestTokens> {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: keyId, alg: 'EdDSA', use: 'sig' };
    return new TestTokens(privateKey, { keys: [jwk] });
  }

  sign(principal: TestPrincipal): Promise<string> {
    const {
      tenant,
      roles,
      permissions = [],
      id = `tenants/${tenant}/apiKeys/test`,
      expiresInSeconds = 600,
      audience = tokenAudience,
    } = principal;
    const nowSeconds = Math.floor(Date.now() / 1000);
    return new SignJWT({ tenant, roles: [...roles], permissions: [...permissions] })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: this.jwks.keys[0]?.kid ?? '' })
      .setSubject(id)
      .setIssuer(tokenIssuer)
      .setAudience(audience)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + expiresInSeconds)
      .sign(this.privateKey);
  }
}
