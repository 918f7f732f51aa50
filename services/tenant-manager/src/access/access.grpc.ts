import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Clock, decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { idCursor, positionCursor } from '../cursors.js';
import { apiKeyState, type ApiKeyState } from './api-key.js';
import type { ApiKeyRow } from './api-key-rows.js';
import { ApiKeysService, type ApiKeyWithText } from './api-keys.service.js';
import { RolesService, type AccessRole } from './roles.service.js';
import { SigningKeysService } from './signing-keys.service.js';
import { TokenExchange } from './token-exchange.service.js';
import { credentialRefused, type IssuedToken } from './tokens.service.js';

/** Serves `q2.tenants.v1.AccessService`. */
@Injectable()
export class AccessGrpc implements ServiceImpl<typeof tenants.AccessService> {
  constructor(
    @Inject(ApiKeysService) private readonly keys: ApiKeysService,
    @Inject(RolesService) private readonly roles: RolesService,
    @Inject(TokenExchange) private readonly exchange: TokenExchange,
    @Inject(SigningKeysService) private readonly signingKeys: SigningKeysService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async createApiKey({ apiKey }: tenants.CreateApiKeyRequest, call: Call) {
    const created = await this.keys.create(call.tenant, call.principal, {
      displayName: apiKey?.displayName ?? '',
      roles: apiKey?.roles ?? [],
      expiresAt: apiKey?.expireTime && timestampDate(apiKey.expireTime),
    });
    return this.toCredential(created);
  }

  async listApiKeys(request: tenants.ListApiKeysRequest, call: Call) {
    const size = pageSizeOf(request);
    const before = decodePage(request.pageToken, positionCursor);
    const found = await this.keys.list(call.tenant, { size: size + 1, before });
    const page = found.slice(0, size);
    return {
      apiKeys: page.map((key) => this.toApiKey(key)),
      nextPageToken: found.length > size ? encodePage(page.at(-1)?.position ?? '') : '',
    };
  }

  async rotateApiKey({ name, overlap }: tenants.RotateApiKeyRequest, call: Call) {
    const overlapMs = overlap && durationMs(overlap);
    return this.toCredential(await this.keys.rotate(call.tenant, call.principal, { keyId: keyIdOf(name), overlapMs }));
  }

  async revokeApiKey({ name }: tenants.RevokeApiKeyRequest, call: Call) {
    return this.toApiKey(await this.keys.revoke(call.tenant, call.principal, keyIdOf(name)));
  }

  async createRole({ roleId, role }: tenants.CreateRoleRequest, call: Call) {
    const wanted = { role: roleId, displayName: role?.displayName ?? '', permissions: role?.permissions ?? [] };
    return toRole(call.tenant, await this.roles.create(call.tenant, call.principal, wanted));
  }

  async listRoles(request: tenants.ListRolesRequest, call: Call) {
    const size = pageSizeOf(request);
    const after = decodePage(request.pageToken, idCursor) ?? '';
    const found = await this.roles.list(call.tenant, { size: size + 1, after });
    const page = found.slice(0, size);
    return {
      roles: page.map((role) => toRole(call.tenant, role)),
      nextPageToken: found.length > size ? encodePage(page.at(-1)?.role ?? '') : '',
    };
  }

  async issueToken({ credential }: tenants.IssueTokenRequest, { peer, token }: Call) {
    switch (credential.case) {
      case 'apiKey':
        return toAccessToken(await this.exchange.forApiKey(credential.value, { peer, token }));
      case 'service':
        return toAccessToken(await this.exchange.forService(credential.value.service, credential.value.secret, peer));
      default:
        throw credentialRefused();
    }
  }

  async getJwks() {
    const { keys } = await this.signingKeys.jwks();
    return { keys: keys.map(({ kty = '', crv = '', x = '', kid = '', alg = '', use = '' }) => ({ kty, crv, x, kid, alg, use })) };
  }

  private toCredential({ key, text }: ApiKeyWithText): MessageInitShape<typeof tenants.ApiKeyCredentialSchema> {
    return { apiKey: this.toApiKey(key), secret: text };
  }

  private toApiKey(key: ApiKeyRow): MessageInitShape<typeof tenants.ApiKeySchema> {
    return {
      name: tenants.apiKeyName.format({ tenant: key.tenant, api_key: key.keyId }),
      displayName: key.displayName,
      roles: [...key.roles],
      state: states[apiKeyState(key, this.clock.now())],
      creator: key.creator,
      createTime: timestampFromDate(key.createdAt),
      ...(key.expiresAt && { expireTime: timestampFromDate(key.expiresAt) }),
      ...(key.lastUsedAt && { lastUsedTime: timestampFromDate(key.lastUsedAt) }),
      ...(key.previousExpiresAt && { previousSecretExpireTime: timestampFromDate(key.previousExpiresAt) }),
    };
  }
}

const states: Readonly<Record<ApiKeyState, tenants.ApiKeyState>> = {
  ACTIVE: tenants.ApiKeyState.ACTIVE,
  EXPIRED: tenants.ApiKeyState.EXPIRED,
  REVOKED: tenants.ApiKeyState.REVOKED,
};

const keyIdOf = (name: string): string => tenants.apiKeyName.parse(name).api_key;

function toRole(
  tenant: string,
  { role, displayName, permissions, createdAt }: AccessRole,
): MessageInitShape<typeof tenants.AccessRoleSchema> {
  return {
    name: tenants.roleName.format({ tenant, role }),
    displayName,
    permissions: [...permissions],
    createTime: timestampFromDate(createdAt),
  };
}

function toAccessToken({ token, lifetimeSeconds, expiresAt }: IssuedToken): MessageInitShape<typeof tenants.AccessTokenSchema> {
  return {
    accessToken: token,
    tokenType: 'Bearer',
    expiresIn: { seconds: BigInt(lifetimeSeconds) },
    expireTime: timestampFromDate(expiresAt),
  };
}
