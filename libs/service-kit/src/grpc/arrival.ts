import type { EventEmitter } from 'node:events';
import type { Metadata, ServerDuplexStream, ServerReadableStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';

export type GrpcCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerReadableStream<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

/** A call as it arrived, before anything about it was believed. */
export interface Arrival {
  readonly metadata: ReadonlyMap<string, string>;
  readonly token: string | undefined;
  readonly peer: string;
  readonly deadlineAt: Date | undefined;
  readonly signal: AbortSignal;
  /** When a log took what is judged only now; a call arrives when it is judged. */
  readonly arrivedAt?: Date;
}

/** @param stopping ends long calls when the process stops; calls that end by themselves are waited for */
export function arrivalOf(call: GrpcCall, stopping?: AbortSignal): Arrival {
  const metadata = textMetadata(call.metadata);
  const abort = new AbortController();
  const events: EventEmitter = call;
  events.once('cancelled', () => abort.abort());
  return {
    metadata,
    token: /^bearer (\S+)$/i.exec(metadata.get('authorization') ?? '')?.[1],
    peer: call.getPeer(),
    deadlineAt: deadlineOf(call.getDeadline()),
    signal: stopping ? AbortSignal.any([abort.signal, stopping]) : abort.signal,
  };
}

/** grpc-js gives infinity for a call without a deadline. */
function deadlineOf(deadline: Date | number): Date | undefined {
  if (deadline instanceof Date) return deadline;
  return Number.isFinite(deadline) ? new Date(deadline) : undefined;
}

function textMetadata(metadata: Metadata): ReadonlyMap<string, string> {
  const entries = Object.entries(metadata.getMap());
  return new Map(entries.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : [])));
}
