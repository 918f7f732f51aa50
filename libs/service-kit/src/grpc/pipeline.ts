import { create, fromBinary, toBinary, type Message, type MessageInitShape, type DescMessage } from '@bufbuild/protobuf';
import type { Database, Tx } from '@q2/database';
import { InvalidArgument } from '@q2/errors';
import { runInCall, type Call } from '../call.js';
import type { RequestLog } from '../requests/request-log.js';
import type { Admission } from './admission.js';
import type { Arrival } from './arrival.js';
import type { Audit } from './audit.js';
import { withinDeadline } from './deadline.js';
import type { InFlight } from './in-flight.js';
import type { Observation, Observed } from './observation.js';
import type { ServedMethod } from './served-method.js';
import type { BidiHandler, ClientStreamHandler, ServerStreamHandler, UnaryHandler } from './service-impl.js';

/** What the pipeline is made of. */
export interface PipelineParts {
  readonly admission: Admission;
  readonly observation: Observation;
  readonly requests: RequestLog;
  readonly audit: Audit;
  readonly database: Pick<Database, 'inTenant'>;
  readonly inFlight: InFlight;
}

/** Sends one encoded message; resolves when there is room for the next. */
export type Send = (message: Uint8Array) => Promise<void>;

/**
 * Everything between a call's arrival and its handler, in this order: observation (log, metrics, trace), load shedding,
 * deadline, authentication, permission, tenant, field bounds, one transaction with replay record and audit event, handler.
 */
export class Pipeline {
  constructor(private readonly parts: PipelineParts) {}

  unary(method: ServedMethod, handler: UnaryHandler, arrival: Arrival, body: Uint8Array): Promise<Uint8Array> {
    const { observation, admission, inFlight } = this.parts;
    return observation.run(method, arrival, (observed) =>
      inFlight.run(() =>
        withinDeadline(arrival.deadlineAt, async () => {
          const principal = await admission.authenticate(method, arrival);
          const request = decode(method, body);
          const call = await admission.admit(method, arrival, { principal, request });
          observed.call = call;
          return runInCall(call, () => this.handleUnary(method, handler, { call, request, body }));
        }),
      ),
    );
  }

  serverStream(
    method: ServedMethod,
    handler: ServerStreamHandler,
    arrival: Arrival,
    exchange: { body: Uint8Array; send: Send },
  ): Promise<void> {
    const { observation, admission } = this.parts;
    return observation.run(method, arrival, async (observed) => {
      const principal = await admission.authenticate(method, arrival);
      const request = decode(method, exchange.body);
      const call = await admission.admit(method, arrival, { principal, request });
      observed.call = call;
      await runInCall(call, () => sendAll(method, handler(request, call), exchange.send));
      await this.auditAlone(method, call, request);
    });
  }

  clientStream(
    method: ServedMethod,
    handler: ClientStreamHandler,
    arrival: Arrival,
    bodies: AsyncIterable<Uint8Array>,
  ): Promise<Uint8Array> {
    return this.parts.observation.run(method, arrival, async (observed) => {
      const { call, requests, first } = await this.openStream(method, arrival, { bodies, observed });
      const response = await runInCall(call, () => handler(requests, call));
      await this.auditAlone(method, call, first);
      return encode(method, response);
    });
  }

  bidi(
    method: ServedMethod,
    handler: BidiHandler,
    arrival: Arrival,
    exchange: { bodies: AsyncIterable<Uint8Array>; send: Send },
  ): Promise<void> {
    return this.parts.observation.run(method, arrival, async (observed) => {
      const { call, requests } = await this.openStream(method, arrival, { bodies: exchange.bodies, observed });
      await runInCall(call, () => sendAll(method, handler(requests, call), exchange.send));
    });
  }

  private async handleUnary(method: ServedMethod, handler: UnaryHandler, served: { call: Call; request: Message; body: Uint8Array }) {
    const { call, request, body } = served;
    if (!method.isMutation) return encode(method, await handler(request, call));
    return this.parts.requests.once(call, body, async (tx: Tx) => {
      const response = encode(method, await handler(request, call));
      await this.parts.audit.record(tx, method, { call, request });
      return response;
    });
  }

  /** Admits a stream by its first message, which names the tenant; an empty stream is about the caller's own. */
  private async openStream(method: ServedMethod, arrival: Arrival, stream: { bodies: AsyncIterable<Uint8Array>; observed: Observed }) {
    const { admission } = this.parts;
    const principal = await admission.authenticate(method, arrival);
    const iterator = stream.bodies[Symbol.asyncIterator]();
    const opening = await iterator.next();
    const first = opening.done ? undefined : decode(method, opening.value);
    const call = await admission.admit(method, arrival, { principal, request: first });
    stream.observed.call = call;
    const requests = this.checkedRequests(method, call, { first, iterator });
    return { call, requests, first };
  }

  private async *checkedRequests(
    method: ServedMethod,
    call: Call,
    rest: { first: Message | undefined; iterator: AsyncIterator<Uint8Array> },
  ) {
    if (rest.first) yield rest.first;
    for (let next = await rest.iterator.next(); !next.done; next = await rest.iterator.next()) {
      const request = decode(method, next.value);
      this.parts.admission.checkRequest(method, request, call.tenant);
      yield request;
    }
  }

  private async auditAlone(method: ServedMethod, call: Call, request: Message | undefined): Promise<void> {
    if (!method.policy.audited) return;
    await this.parts.database.inTenant(call.tenant, (tx) => this.parts.audit.record(tx, method, { call, request }));
  }
}

function decode(method: ServedMethod, body: Uint8Array): Message {
  try {
    return fromBinary(method.descriptor.input, body);
  } catch {
    throw InvalidArgument.field('request', `must be a ${method.descriptor.input.typeName} message`);
  }
}

function encode(method: ServedMethod, response: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(method.descriptor.output, create(method.descriptor.output, response));
}

async function sendAll(method: ServedMethod, responses: AsyncIterable<MessageInitShape<DescMessage>>, send: Send): Promise<void> {
  for await (const response of responses) await send(encode(method, response));
}
