import { Inject, Injectable } from '@nestjs/common';
import { tenantEvents, tenants } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { checkDisplayName } from '../tenants/tenant.js';
import { apiKeyColumns, lockApiKey, type ApiKeyRow } from './api-key-rows.js';
import { apiKeyState, formatApiKey, hashSecret, newApiKey, newSecret } from './api-key.js';
import type { Granter } from './grant.js';
import { RolesService } from './roles.service.js';

/** Who decides about a key: what they hold, and their name. */
export type KeyGranter = Granter & { readonly id: string };

/** What a new key is to be. */
export interface NewApiKey {
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly expiresAt: Date | undefined;
}

/** A key with its text, which is stored nowhere. */
export interface ApiKeyWithText {
  readonly key: ApiKeyRow;
  readonly text: string;
}

const dayMs = 24 * 3_600_000;
const defaultOverlapMs = dayMs;
const longestOverlapMs = 7 * dayMs;

/** Creates, rotates and revokes keys. Nobody decides about a key that can do more than they. */
@Injectable()
export class ApiKeysService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(RolesService) private readonly roles: RolesService,
  ) {}

  /** @throws as {@link RolesService.checkGrant} */
  create(tenant: string, granter: KeyGranter, wanted: NewApiKey): Promise<ApiKeyWithText> {
    checkDisplayName(wanted.displayName, 'api_key.display_name');
    const roles = [...new Set(wanted.roles)];
    if (roles.length === 0) throw InvalidArgument.field('api_key.roles', 'must name at least one role');
    const { expiresAt } = wanted;
    if (expiresAt !== undefined && expiresAt <= this.clock.now())
      throw InvalidArgument.field('api_key.expire_time', 'must lie in the future');
    return this.database.inTenant(tenant, async (tx) => {
      await this.roles.checkGrant(tx, granter, roles, 'api_key.roles');
      return insertKey(tx, { ...wanted, roles, creator: granter.id });
    });
  }

  /** The newest first, those before the position `before` only. */
  list(tenant: string, page: { size: number; before: string | undefined }): Promise<ApiKeyRow[]> {
    const sql = `select ${apiKeyColumns} from api_keys where tenant_id = $1 and position < coalesce($2, 9223372036854775807) order by position desc limit $3`;
    return this.database.inTenant(tenant, (tx) => tx.query<ApiKeyRow>(sql, [tenant, page.before ?? null, page.size]), { readOnly: true });
  }

  /**
   * Gives a key a new secret; the one before it works until the overlap ends.
   *
   * @throws {FailedPrecondition} API_KEY_NOT_ACTIVE
   */
  rotate(tenant: string, granter: KeyGranter, rotation: { keyId: string; overlapMs: number | undefined }): Promise<ApiKeyWithText> {
    const { keyId, overlapMs = defaultOverlapMs } = rotation;
    if (overlapMs < 0 || overlapMs > longestOverlapMs) throw InvalidArgument.field('overlap', 'must be 0 to 7 days (604800s)');
    return this.database.inTenant(tenant, async (tx) => {
      const now = this.clock.now();
      const key = await this.lockGranted(tx, granter, keyId);
      const state = apiKeyState(key, now);
      if (state !== 'ACTIVE')
        throw new FailedPrecondition('API_KEY_NOT_ACTIVE', `apiKeys/${keyId} is ${state}; only an ACTIVE key can be rotated`, {
          key: keyId,
          state,
        });
      const secret = newSecret();
      await tx.execute(
        'update api_keys set previous_secret_hash = secret_hash, previous_expires_at = $3, secret_hash = $4 where tenant_id = $1 and key_id = $2',
        [tenant, keyId, new Date(now.getTime() + overlapMs), hashSecret(secret)],
      );
      return { key: await lockApiKey(tx, keyId), text: formatApiKey({ id: keyId, secret }) };
    });
  }

  /** Ends a key for good; one that was ended already stays so. */
  revoke(tenant: string, granter: KeyGranter, keyId: string): Promise<ApiKeyRow> {
    return this.database.inTenant(tenant, async (tx) => {
      const key = await this.lockGranted(tx, granter, keyId);
      if (key.revokedAt !== null) return key;
      await tx.execute('update api_keys set revoked_at = $3 where tenant_id = $1 and key_id = $2', [tenant, keyId, this.clock.now()]);
      const name = tenants.apiKeyName.format({ tenant, api_key: keyId });
      await this.outbox.add(tx, { type: tenantEvents.ApiKeyRevokedSchema, key: name, data: { apiKey: name, revokedBy: granter.id } });
      return lockApiKey(tx, keyId);
    });
  }

  private async lockGranted(tx: Tx, granter: Granter, keyId: string): Promise<ApiKeyRow> {
    const key = await lockApiKey(tx, keyId);
    await this.roles.checkGrant(tx, granter, key.roles, 'name');
    return key;
  }
}

async function insertKey(tx: Tx, wanted: NewApiKey & { readonly creator: string }): Promise<ApiKeyWithText> {
  const { id, secret } = newApiKey();
  await tx.execute(
    'insert into api_keys (tenant_id, key_id, display_name, roles, secret_hash, expires_at, creator) values ($1, $2, $3, $4, $5, $6, $7)',
    [tx.tenant, id, wanted.displayName, wanted.roles, hashSecret(secret), wanted.expiresAt ?? null, wanted.creator],
  );
  return { key: await lockApiKey(tx, id), text: formatApiKey({ id, secret }) };
}
