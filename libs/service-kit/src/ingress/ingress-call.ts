import { createHash } from 'node:crypto';
import type { DescMessage, DescMethod, Message, MessageShape } from '@bufbuild/protobuf';
import { servedMethod, type ServedMethod } from '../grpc/served-method.js';
import type { Call } from '../call.js';
import { readBody } from './body.js';

/** What a record says besides its body; fills what the body leaves out. */
export interface RecordFacts {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly subject: string | undefined;
  /** When it happened, by the producer, or else when the log took the record. */
  readonly time: Date;
}

/** What became of the items of a record. */
export interface IngressReceipt {
  /** Items that count, now or because they came before. */
  readonly counted: bigint;
  readonly refused: bigint;
  /** Why items were refused; the first ones. */
  readonly refusals: readonly { readonly reason: string; readonly message: string }[];
}

/** A method that records may stand for. */
export interface IngressCall {
  readonly method: ServedMethod;
  /** @throws {UnprocessableEvent} where the body is no such message */
  read(body: Uint8Array, facts: RecordFacts): Message;
  /** Reads the body again and does what the method does. */
  run(body: Uint8Array, facts: RecordFacts, call: Call): Promise<IngressReceipt>;
}

/**
 * Lets records stand for calls of a method: the body is the method's request as JSON.
 *
 * @param options.complete fills in what the body leaves out, before its bounds are checked
 * @param options.handle   the method's own code
 * @throws {Error} for methods whose calls are audited or change things under a request id: records do neither
 */
export function ingressCall<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
  options: {
    complete(request: MessageShape<I>, facts: RecordFacts): void;
    handle(request: MessageShape<I>, call: Call): Promise<IngressReceipt>;
  },
): IngressCall {
  const served = servedMethod(method);
  if (served.policy.audited || served.policy.public) throw new Error(`records cannot stand for ${served.fullName}`);
  const read = (body: Uint8Array, facts: RecordFacts) => {
    const request = readBody(method.input, body);
    options.complete(request, facts);
    return request;
  };
  return { method: served, read, run: (body, facts, call) => options.handle(read(body, facts), call) };
}

/** An id that the same record always has, as a UUID (version 8, RFC 9562: the first half of a SHA-256). */
export function recordUuid({ tenant, source, id }: RecordFacts): string {
  const hex = createHash('sha256').update(`q2 ingress\n${tenant}\n${source}\n${id}`).digest('hex');
  const variant = (8 + (Number.parseInt(hex.charAt(16), 16) % 4)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Gives one request as a stream of requests. */
export async function* streamOfOne<T>(request: T): AsyncGenerator<T> {
  yield await Promise.resolve(request);
}
