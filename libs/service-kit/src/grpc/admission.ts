import type { Message } from '@bufbuild/protobuf';
import { validate } from '@q2/contracts';
import { InvalidArgument, PermissionDenied, Unauthenticated } from '@q2/errors';
import { actsEverywhere, checkActive, checkReach, type KnownTenant } from '../access/reach.js';
import type { TokenVerifier } from '../access/token-verifier.js';
import type { Call, Principal } from '../call.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { Arrival } from './arrival.js';
import type { ServedMethod } from './served-method.js';

/** What public methods are called as. */
const anonymous: Principal = { id: 'anonymous', tenant: '', roles: [], permissions: new Set() };

/** Decides whether a call may be served: who calls, what they may do, where, and whether the request is well formed. */
export class Admission {
  constructor(
    private readonly tokens: TokenVerifier,
    private readonly tenants: Pick<TenantDirectory, 'find' | 'await'>,
  ) {}

  /**
   * Proves who calls and that they may call this method at all.
   *
   * @throws {Unauthenticated} TOKEN_MISSING, TOKEN_EXPIRED, TOKEN_INVALID
   * @throws {PermissionDenied} PERMISSION_MISSING
   */
  async authenticate(method: ServedMethod, arrival: Arrival): Promise<Principal> {
    if (method.policy.public) return anonymous;
    if (arrival.token === undefined)
      throw new Unauthenticated('TOKEN_MISSING', 'send an access token as metadata: authorization: Bearer …');
    const principal = await this.tokens.verify(arrival.token, arrival.arrivedAt?.getTime());
    const { permission } = method.policy;
    if (principal.permissions.has(permission)) return principal;
    throw new PermissionDenied('PERMISSION_MISSING', `${principal.id} lacks the permission ${permission}`, { permission });
  }

  /**
   * Admits a request: its tenant must be one that the caller reaches and that is active, and every field within bounds.
   *
   * @throws {PermissionDenied} TENANT_NOT_REACHABLE
   * @throws {FailedPrecondition} TENANT_NOT_ACTIVE
   * @throws {InvalidArgument} naming each field that is not as the contract says
   */
  async admit(method: ServedMethod, arrival: Arrival, caller: { principal: Principal; request: Message | undefined }): Promise<Call> {
    const { principal, request } = caller;
    const named = request && method.readTenant?.(request);
    const tenant = named ?? principal.tenant;
    if (!method.policy.public) await this.checkTenant(method, principal, { tenantId: tenant, arrivedAt: arrival.arrivedAt });
    if (request) this.checkRequest(method, request, tenant);
    return {
      tenant,
      principal,
      method: method.fullName,
      requestId: request && requestIdOf(request),
      signal: arrival.signal,
      deadlineAt: arrival.deadlineAt,
      metadata: arrival.metadata,
      peer: arrival.peer,
      token: arrival.token,
    };
  }

  /** Checks a further message of a stream: bounds, and that it stays in the tenant of the first. */
  checkRequest(method: ServedMethod, request: Message, tenant: string): void {
    const { violations, tenants } = validate(method.descriptor.input, request);
    if (violations.length > 0) throw new InvalidArgument(violations);
    const other = tenants.find((named) => named !== tenant);
    if (method.readTenant && !method.policy.public && other !== undefined)
      throw new PermissionDenied('TENANT_NOT_REACHABLE', `a call about tenants/${tenant} may not name resources of tenants/${other}`, {
        tenant: other,
      });
  }

  private async checkTenant(method: ServedMethod, principal: Principal, about: { tenantId: string; arrivedAt: Date | undefined }) {
    const { tenantId, arrivedAt } = about;
    const known = this.tenants.find(tenantId);
    const tenant = isRecent(arrivedAt) && mayBeNews(method, principal, { tenantId, known }) ? await this.tenants.await(tenantId) : known;
    checkReach(principal, tenantId, tenant, method.isAccessService);
    checkActive(principal, tenant, method.isAccessService);
  }
}

/**
 * What waited in a log this long has waited for the news of its tenant too: many such records must not each wait again. After
 * a start the news itself may be late.
 */
const newsTravelForMs = 3_000;
const newsAreLateForSeconds = 30;

function isRecent(arrivedAt: Date | undefined): boolean {
  return arrivedAt === undefined || Date.now() - arrivedAt.getTime() < newsTravelForMs || process.uptime() < newsAreLateForSeconds;
}

/**
 * A tenant's creation and activation reach this service as events: who may act in it is not turned away for being early.
 * Operators need not wait, as they work in tenants that are PENDING too; and tenant-manager knows by itself.
 */
function mayBeNews(method: ServedMethod, principal: Principal, about: { tenantId: string; known: KnownTenant | undefined }): boolean {
  const isEverywhere = actsEverywhere(principal);
  if (about.known) return about.known.state === 'PENDING' && !(isEverywhere && principal.roles.includes('operator'));
  if (principal.tenant === about.tenantId || (isEverywhere && method.isAccessService)) return false;
  return isEverywhere || principal.roles.includes('admin');
}

function requestIdOf(request: Message): string | undefined {
  const id: unknown = 'requestId' in request ? request.requestId : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}
