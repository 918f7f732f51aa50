import { AsyncLocalStorage } from 'node:async_hooks';

/** Who calls: an API key, a member or a service, as its token proved. */
export interface Principal {
  /** Resource name, such as `tenants/acme/apiKeys/ci` or `services/scheduler`. */
  readonly id: string;
  /** The tenant that the principal belongs to; `platform` for operators and services. */
  readonly tenant: string;
  /** Role names: viewer, editor, admin, operator, producer, `service:<name>`, or custom ones. */
  readonly roles: readonly string[];
  /** Everything that the roles permit. */
  readonly permissions: ReadonlySet<string>;
}

/** What a handler knows about the call that it serves. */
export interface Call {
  /** The tenant that the call is about: that of the request's resource name, or else the principal's own. */
  readonly tenant: string;
  readonly principal: Principal;
  /** Full name, such as `q2.models.v1.ModelService/PromoteVersion`. */
  readonly method: string;
  readonly requestId: string | undefined;
  /** Aborted when the caller cancels or its deadline passes. */
  readonly signal: AbortSignal;
  readonly deadlineAt: Date | undefined;
  /** Text metadata that the caller sent, keys in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Address of the caller. */
  readonly peer: string;
  /** The access token itself, for calls made on the caller's behalf; undefined for public methods. */
  readonly token: string | undefined;
}

const calls = new AsyncLocalStorage<Call>();

/** Runs `work` as part of serving `call`. */
export function runInCall<T>(call: Call, work: () => T): T {
  return calls.run(call, work);
}

/** The call being served, or undefined in background work. */
export function currentCall(): Call | undefined {
  return calls.getStore();
}
