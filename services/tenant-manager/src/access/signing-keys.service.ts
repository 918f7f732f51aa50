import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { Clock, Logger } from '@q2/service-kit';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK, type JSONWebKeySet } from 'jose';
import { TenantManagerSettings } from '../settings.js';
import { rootTenant } from '../tenants/tenant.js';
import { findSigningKey, isRotationDue, nextSignsFrom, verifyingKeys, type KeyLife, type RotationPolicy } from './signing-key.js';

/** A key to sign a token with. */
export interface Signer {
  readonly keyId: string;
  readonly privateKey: CryptoKey | Uint8Array;
}

interface SigningKeyRow extends KeyLife {
  readonly keyId: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

const dayMs = 24 * 3_600_000;
/** Everyone reads the JWKS again within five minutes, and at once for a key that they don't know. */
const publishAheadMs = 15 * 60_000;
/** No token lives longer than 15 minutes; one more for clocks that differ. */
const verifyAfterMs = 16 * 60_000;
/** Keys read from the database serve this long. */
const freshForMs = 30_000;
const checkEveryMs = 3_600_000;

/**
 * The Ed25519 keys that tokens are signed with (RFC 8037), shared by all replicas through the database. The next one is
 * published before it signs, and the one before verifies until its last token has expired.
 */
@Injectable()
export class SigningKeysService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly policy: RotationPolicy;
  private readonly signers = new Map<string, Signer>();
  private known: { readonly keys: readonly SigningKeyRow[]; readonly readAtMs: number } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
    @Inject(TenantManagerSettings) settings: TenantManagerSettings,
  ) {
    this.policy = { keyLifetimeMs: settings.Q2_SIGNING_KEY_DAYS * dayMs, publishAheadMs, verifyAfterMs };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.rotateIfDue();
    this.timer = setInterval(() => (this.checking = this.check()), checkEveryMs);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.checking;
  }

  /** The key to sign with now. */
  async signer(): Promise<Signer> {
    const key = findSigningKey(await this.keys(), this.clock.now());
    if (key === undefined) throw new Error('there is no signing key, though one is made at start');
    const known = this.signers.get(key.keyId);
    if (known) return known;
    const signer = { keyId: key.keyId, privateKey: await importJWK(key.privateJwk, 'EdDSA') };
    this.signers.set(key.keyId, signer);
    return signer;
  }

  /** The keys that tokens may bear, public parts only, the newest first. */
  async jwks(): Promise<JSONWebKeySet> {
    const keys = verifyingKeys(await this.keys(), this.clock.now(), this.policy);
    return { keys: keys.map(({ publicJwk }) => publicJwk) };
  }

  /** Publishes the next key where its time has come, and removes those that no token bears any more. One replica at a time. */
  async rotateIfDue(): Promise<void> {
    await this.database.inTenant(rootTenant, async (tx) => {
      await tx.query(`select pg_advisory_xact_lock(hashtextextended('q2.signing-keys', 0))`);
      const keys = await readKeys(tx);
      const now = this.clock.now();
      if (!isRotationDue(keys[0], now, this.policy)) return;
      await insertKey(tx, { createdAt: now, signsFrom: nextSignsFrom(keys[0], now, this.policy) });
      const needed = verifyingKeys(await readKeys(tx), now, this.policy).map(({ keyId }) => keyId);
      await tx.execute('delete from signing_keys where tenant_id = $1 and not key_id = any($2)', [rootTenant, needed]);
    });
    this.known = undefined;
  }

  private async keys(): Promise<readonly SigningKeyRow[]> {
    const nowMs = this.clock.now().getTime();
    if (this.known === undefined || nowMs - this.known.readAtMs >= freshForMs) {
      this.known = { keys: await this.database.inTenant(rootTenant, readKeys, { readOnly: true }), readAtMs: nowMs };
    }
    return this.known.keys;
  }

  private async check(): Promise<void> {
    try {
      await this.rotateIfDue();
    } catch (error) {
      this.logger.warn({ err: error }, 'whether the signing key must be rotated could not be checked; trying again in an hour');
    }
  }
}

/** Newest first. */
function readKeys(tx: Tx): Promise<SigningKeyRow[]> {
  return tx.query(
    `select key_id as "keyId", public_jwk as "publicJwk", private_jwk as "privateJwk", created_at as "createdAt", signs_from as "signsFrom"
     from signing_keys where tenant_id = $1 order by signs_from desc`,
    [rootTenant],
  );
}

/** Makes a key pair. Its id is the RFC 7638 thumbprint, which anyone can compute from the public key. */
async function insertKey(tx: Tx, life: KeyLife): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const exported = await exportJWK(publicKey);
  const keyId = await calculateJwkThumbprint(exported);
  const publicJwk = { ...exported, kid: keyId, alg: 'EdDSA', use: 'sig' };
  await tx.execute(
    'insert into signing_keys (tenant_id, key_id, public_jwk, private_jwk, created_at, signs_from) values ($1, $2, $3, $4, $5, $6)',
    [rootTenant, keyId, JSON.stringify(publicJwk), JSON.stringify(await exportJWK(privateKey)), life.createdAt, life.signsFrom],
  );
}
