import { toBusMessage, UnprocessableEvent, type BusMessage, type BusRecord, type ReceivedEvent, type Subscriptions } from '@q2/events';
import { Counter } from 'prom-client';
import { runInCall, type Call, type Principal } from '../call.js';
import type { Admission } from '../grpc/admission.js';
import type { Arrival } from '../grpc/arrival.js';
import type { Logger } from '../process/logger.js';
import type { Metrics } from '../process/metrics.js';
import { readHeaders, type IngressHeaders } from './headers.js';
import type { IngressCall, IngressReceipt, RecordFacts } from './ingress-call.js';
import { isMeantAsApiKey, type KeyExchange } from './key-exchange.js';
import { redactMessage } from './redaction.js';
import { toRefusal } from './refusal.js';

/** What ingress is made of. */
export interface IngressParts {
  readonly subscriptions: Pick<Subscriptions, 'add'>;
  /** The same rules as for calls. */
  readonly admission: Admission;
  readonly keys: KeyExchange;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A topic that producers outside publish to. */
export interface IngressTopic {
  /** Stable name of the consumer, such as `monitoring.ingress`. */
  readonly consumer: string;
  readonly topic: string;
  /** What records may stand for; `ce_type` names the request's message. */
  readonly calls: readonly IngressCall[];
}

const neverAborted = new AbortController().signal;
/** In place of a peer's address. */
const peer = 'ingress';

/**
 * Takes records of producers outside as calls: credential, permission, tenant and bounds as for a call over gRPC, then the
 * method's own code in the tenant's transaction, once for each event. Refused records go to the topic's `.dlq` and change nothing.
 */
export class Ingress {
  constructor(private readonly parts: IngressParts) {}

  /** Begins to serve a topic; called in a module's onModuleInit. */
  serve({ consumer, topic, calls }: IngressTopic): void {
    const byType = new Map(calls.map((call) => [call.method.descriptor.input.typeName, call]));
    const records = counter(this.parts.metrics, 'records', ['topic', 'outcome', 'reason']);
    counter(this.parts.metrics, 'refused_items', ['topic', 'reason']);
    this.parts.subscriptions.add({
      consumer,
      topics: [topic],
      admission: {
        admit: (record) => this.admit(record, byType),
        redact: redactMessage,
        onSettled: ({ topic: from, outcome, reason }) => records.inc({ topic: from, outcome, reason }),
      },
      handle: (_tx, event) => this.handle(event, callOf(byType, event.type), topic),
    });
  }

  private async admit(record: BusRecord, byType: ReadonlyMap<string, IngressCall>): Promise<BusMessage> {
    try {
      const headers = readHeaders(record);
      const principal = await this.verify(record, headers, callOf(byType, headers.type));
      return toEnvelope(record, headers, principal);
    } catch (error) {
      throw toRefusal(error, Date.now() - record.storedAt.getTime());
    }
  }

  /** Who sent the record, once everything about it is found to be right. */
  private async verify(record: BusRecord, headers: IngressHeaders, call: IngressCall): Promise<Principal> {
    const { admission } = this.parts;
    const { method } = call;
    const token = await this.tokenOf(headers.credential);
    const arrival: Arrival = { metadata: new Map(), token, peer, deadlineAt: undefined, signal: neverAborted, arrivedAt: record.storedAt };
    const principal = await admission.authenticate(method, arrival);
    const request = call.read(record.value, { ...headers, time: timeOf(record, headers) });
    const named = method.readTenant?.(request);
    if (named !== undefined && named !== headers.tenant) throw mismatch(headers.tenant, named);
    const admitted = await admission.admit(method, arrival, { principal, request });
    if (admitted.tenant !== headers.tenant) throw mismatch(headers.tenant, admitted.tenant);
    return principal;
  }

  private tokenOf(credential: string): Promise<string> | string {
    return isMeantAsApiKey(credential) ? this.parts.keys.tokenOf(credential) : credential;
  }

  private async handle(event: ReceivedEvent, call: IngressCall, topic: string): Promise<void> {
    const { tenant, id, source, subject, time, data, principal = '' } = event;
    const facts: RecordFacts = { tenant, id, source, subject, time };
    try {
      const running = callFor(event, call, principal);
      this.settle(await runInCall(running, () => call.run(data, facts, running)), { event, topic });
    } catch (error) {
      throw toRefusal(error, 0);
    }
  }

  /** A record none of whose items count is refused; where some count, the others are counted and told to the log. */
  private settle({ counted, refused, refusals }: IngressReceipt, { event, topic }: { event: ReceivedEvent; topic: string }): void {
    const [first] = refusals;
    if (refused === 0n || first === undefined) return;
    if (counted === 0n) throw new UnprocessableEvent(first.reason, `${refused} of ${refused} items refused, the first: ${first.message}`);
    counter(this.parts.metrics, 'refused_items', ['topic', 'reason']).inc({ topic, reason: first.reason }, Number(refused));
    const details = { topic, tenant: event.tenant, source: event.source, event: event.id, refused: Number(refused), reason: first.reason };
    this.parts.logger.warn(details, 'some items of a record were refused');
  }
}

/** The call that a record of this type stands for. */
function callOf(byType: ReadonlyMap<string, IngressCall>, type: string): IngressCall {
  const call = byType.get(type);
  if (call) return call;
  throw new UnprocessableEvent('TYPE_UNKNOWN', `ce_type: must be ${[...byType.keys()].join(' or ')}`);
}

/** What remains of the principal's rights is the one that was checked. */
function callFor({ tenant }: ReceivedEvent, { method }: IngressCall, principal: string): Call {
  return {
    ...{ tenant, method: method.fullName, peer, signal: neverAborted, metadata: new Map() },
    principal: { id: principal, tenant, roles: [], permissions: new Set([method.policy.permission]) },
    ...{ requestId: undefined, deadlineAt: undefined, token: undefined },
  };
}

/** The record in the platform's own envelope: of the headers only what was verified goes on, and the credential does not. */
function toEnvelope(record: BusRecord, headers: IngressHeaders, principal: Principal): BusMessage {
  const { id, source, type, tenant, subject } = headers;
  const order = record.key === '' ? `${source} ${id}` : record.key;
  const time = timeOf(record, headers);
  const contentType = 'application/json';
  const event = { id, source, type, tenant, subject, time, contentType, principal: principal.id };
  return toBusMessage({ ...event, topic: record.topic, key: `${tenant}/${order}`, data: record.value, ...traceOf(record) });
}

/** The trace that the record belongs to; a malformed one is none. */
function traceOf({ headers }: BusRecord): { traceparent?: string; tracestate?: string } {
  const { traceparent = '', tracestate = '' } = headers;
  if (!/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)) return {};
  return { traceparent, ...(/^[\x20-\x7e]{1,512}$/.test(tracestate) && { tracestate }) };
}

function timeOf(record: BusRecord, { time }: IngressHeaders): Date {
  return time ?? record.storedAt;
}

function mismatch(tenant: string, other: string): UnprocessableEvent {
  return new UnprocessableEvent('TENANT_MISMATCH', `q2_tenant is ${tenant}, but the body is about tenants/${other}: they must be the same`);
}

/** Services of one process share the counter. */
function counter(metrics: Metrics, what: 'records' | 'refused_items', labels: readonly string[]): Counter {
  const name = `q2_ingress_${what}_total`;
  const known = metrics.registry.getSingleMetric(name);
  if (known instanceof Counter) return known;
  const help =
    what === 'records' ? 'Records of producers outside, by what became of them' : 'Items refused of records that count otherwise';
  return metrics.counter(name, help, labels);
}
