import { once } from 'node:events';
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type {
  CallOptions as GrpcCallOptions,
  Client as GrpcJsClient,
  ClientDuplexStream,
  ClientWritableStream,
  Metadata,
} from '@grpc/grpc-js';
import { fromServiceError } from './remote-error.js';

type Request = MessageInitShape<DescMessage>;
type Response = MessageShape<DescMessage>;

/** What all four kinds of call are made with. */
export interface Outgoing {
  readonly connection: GrpcJsClient;
  readonly method: DescMethod;
  readonly metadata: Metadata;
  readonly options: GrpcCallOptions;
  readonly signal: AbortSignal | undefined;
}

const serialize = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/** One request, one response. */
export function callUnary(outgoing: Outgoing, request: Request): Promise<Response> {
  const { connection, method, metadata, options } = outgoing;
  return new Promise((resolve, reject) => {
    const settle = (error: unknown, response?: Response) => (response ? resolve(response) : reject(asError(error)));
    const call = connection.makeUnaryRequest(
      pathOf(method),
      serialize,
      deserializer(method),
      encode(method, request),
      metadata,
      options,
      settle,
    );
    cancelOnAbort(call, outgoing.signal);
  });
}

/** Requests until they end, one response. */
export function callClientStream(outgoing: Outgoing, requests: AsyncIterable<Request>): Promise<Response> {
  const { connection, method, metadata, options } = outgoing;
  return new Promise((resolve, reject) => {
    const settle = (error: unknown, response?: Response) => (response ? resolve(response) : reject(asError(error)));
    const call = connection.makeClientStreamRequest(pathOf(method), serialize, deserializer(method), metadata, options, settle);
    cancelOnAbort(call, outgoing.signal);
    pump(method, requests, call).catch((error: unknown) => {
      call.cancel();
      reject(asError(error));
    });
  });
}

/** One request, responses until they end. */
export async function* callServerStream(outgoing: Outgoing, request: Request): AsyncIterable<Response> {
  const { connection, method, metadata, options } = outgoing;
  const call = connection.makeServerStreamRequest(
    pathOf(method),
    serialize,
    deserializer(method),
    encode(method, request),
    metadata,
    options,
  );
  cancelOnAbort(call, outgoing.signal);
  yield* responsesOf(call);
}

/** Requests and responses, each in their own time. */
export async function* callBidi(outgoing: Outgoing, requests: AsyncIterable<Request>): AsyncIterable<Response> {
  const { connection, method, metadata, options } = outgoing;
  const call = connection.makeBidiStreamRequest(pathOf(method), serialize, deserializer(method), metadata, options);
  cancelOnAbort(call, outgoing.signal);
  // A request source that fails ends the call; the responses then end with that error.
  pump(method, requests, call).catch((error: unknown) => call.destroy(asError(error)));
  yield* responsesOf(call);
}

type Call = { cancel(): void };

async function* responsesOf(call: AsyncIterable<Response> & Call): AsyncIterable<Response> {
  try {
    for await (const response of call) yield response;
  } catch (error) {
    throw asError(error);
  } finally {
    call.cancel();
  }
}

/** Writes requests as fast as the other side takes them. Ends quietly where the call has ended before. */
async function pump(
  method: DescMethod,
  requests: AsyncIterable<Request>,
  call: ClientWritableStream<Uint8Array> | ClientDuplexStream<Uint8Array, Response>,
) {
  for await (const request of requests) {
    if (call.destroyed || call.writableEnded) return;
    if (!call.write(encode(method, request))) await whenDrained(call);
  }
  call.end();
}

/** Resolves when the call takes more, or has ended. Both waits end together, so that no listener stays behind. */
async function whenDrained(call: ClientWritableStream<Uint8Array> | ClientDuplexStream<Uint8Array, Response>): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(call, 'drain', { signal }), once(call, 'close', { signal })]).catch(() => undefined);
  settled.abort();
}

function cancelOnAbort(call: Call, signal: AbortSignal | undefined): void {
  if (signal?.aborted) call.cancel();
  else signal?.addEventListener('abort', () => call.cancel(), { once: true });
}

function encode(method: DescMethod, request: Request): Uint8Array {
  return toBinary(method.input, create(method.input, request));
}

function deserializer(method: DescMethod): (bytes: Buffer) => Response {
  return (bytes) => fromBinary(method.output, bytes);
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function asError(error: unknown): Error {
  const domain = fromServiceError(error);
  return domain instanceof Error ? domain : new Error('the call ended without a response');
}
