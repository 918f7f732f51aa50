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

export function serverStreamCall(
  pipeline: Pipeline,
  method: ServedMethod,
  handler: ServerStreamHandler,
): handleServerStreamingCall<Buffer, Bytes> {
  return (call) => {
    const arrival = arrivalOf(call);
    const exchange = { body: call.request, send: sender(call, arrival.signal) };
    endWith(call, pipeline.serverStream(method, handler, arrival, exchange));
  };
}

export function bidiCall(pipeline: Pipeline, method: ServedMethod, handler: BidiHandler): handleBidiStreamingCall<Buffer, Bytes> {
  return (call) => {
    const arrival = arrivalOf(call);
    endWith(call, pipeline.bidi(method, handler, arrival, { bodies: call, send: sender(call, arrival.signal) }));
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

function endWith(call: WritableCall, served: Promise<void>): void {
  served.then(
    () => call.end(),
    (failed: unknown) => call.emit('error', toFailedCall(failed)),
  );
}
