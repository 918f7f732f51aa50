import { once } from 'node:events';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerWritableStream,
  ServerDuplexStream,
} from '@grpc/grpc-js';
import { arrivalOf } from './arrival.js';
import type { Pipeline } from './pipeline.js';
import type { ServedMethod } from './served-method.js';
import type { BidiHandler, ClientStreamHandler, ServerStreamHandler, UnaryHandler } from './service-impl.js';
import { toFailedCall } from './status.js';

type Bytes = Uint8Array;

/** Adapts the pipeline to grpc-js: one adapter for each of the four kinds of method. Messages cross as bytes. */
export function unaryCall(pipeline: Pipeline, method: ServedMethod, handler: UnaryHandler): handleUnaryCall<Buffer, Bytes> {
  return (call, callback) => {
    pipeline.unary(method, handler, arrivalOf(call), call.request).then(
      (response) => callback(null, response),
      (failed: unknown) => callback(toFailedCall(failed)),
    );
  };
}

export function clientStreamCall(
  pipeline: Pipeline,
  method: ServedMethod,
  handler: ClientStreamHandler,
): handleClientStreamingCall<Buffer, Bytes> {
  return (call, callback) => {
    pipeline.clientStream(method, handler, arrivalOf(call), call).then(
      (response) => callback(null, response),
      (failed: unknown) => callback(toFailedCall(failed)),
    );
  };
}

/** A handler whose calls can last as long as the process. */
export interface Streaming<Handler> {
  readonly handler: Handler;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
}

export function serverStreamCall(
  pipeline: Pipeline,
  method: ServedMethod,
  served: Streaming<ServerStreamHandler>,
): handleServerStreamingCall<Buffer, Bytes> {
  return (call) => {
    const arrival = arrivalOf(call, served.stopping);
    const exchange = { body: call.request, send: sender(call, arrival.signal) };
    endWith(call, served.stopping, pipeline.serverStream(method, served.handler, arrival, exchange));
  };
}

export function bidiCall(pipeline: Pipeline, method: ServedMethod, served: Streaming<BidiHandler>): handleBidiStreamingCall<Buffer, Bytes> {
  return (call) => {
    const arrival = arrivalOf(call, served.stopping);
    const exchange = { bodies: call, send: sender(call, arrival.signal) };
    endWith(call, served.stopping, pipeline.bidi(method, served.handler, arrival, exchange));
  };
}

type WritableCall = ServerWritableStream<Buffer, Bytes> | ServerDuplexStream<Buffer, Bytes>;

/** Waits for the caller to take what was sent before sending more; a caller that left ends the stream (AbortError). */
function sender(call: WritableCall, signal: AbortSignal): (message: Bytes) => Promise<void> {
  return async (message) => {
    signal.throwIfAborted();
    if (!call.write(message)) await once(call, 'drain', { signal });
  };
}

/** How long a stream gets to end by itself when the process stops. */
const lastWordMs = 500;

/** Ends the call as its handler does, or soon after the process was told to stop, where the handler goes on waiting. */
function endWith(call: WritableCall, stopping: AbortSignal, served: Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  const onStop = () => {
    timer = setTimeout(() => call.emit('error', toFailedCall(stopping.reason)), lastWordMs);
  };
  stopping.addEventListener('abort', onStop, { once: true });
  void served
    .then(
      () => call.end(),
      (failed: unknown) => call.emit('error', toFailedCall(failed)),
    )
    .finally(() => {
      clearTimeout(timer);
      stopping.removeEventListener('abort', onStop);
    });
}
