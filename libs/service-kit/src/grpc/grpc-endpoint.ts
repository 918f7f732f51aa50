import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { UntypedHandleCall } from '@grpc/grpc-js';
import type { GrpcServer, ServedCall } from './grpc-server.js';
import { bidiCall, clientStreamCall, serverStreamCall, unaryCall } from './handlers.js';
import type { Pipeline } from './pipeline.js';
import { servedMethod } from './served-method.js';
import type { BidiHandler, ClientStreamHandler, ServerStreamHandler, ServiceImpl, UnaryHandler } from './service-impl.js';

/** Where a service's module registers what serves its contracts. */
export class GrpcEndpoint {
  constructor(
    private readonly server: GrpcServer,
    private readonly pipeline: Pipeline,
  ) {}

  /** Serves a contract: every method of it, each behind the whole pipeline. */
  serve<S extends DescService>(service: S, implementation: ServiceImpl<S>): void {
    const calls = service.methods.map((method) => [method.name, this.servedCall(method, implementation)] as const);
    this.server.add(service, new Map(calls));
  }

  private servedCall(method: DescMethod, implementation: object): ServedCall {
    const isClientStreaming = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
    const isServerStreaming = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
    return {
      definition: {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream: isClientStreaming,
        responseStream: isServerStreaming,
        requestSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        responseDeserialize: (bytes: Buffer) => bytes,
      },
      handler: this.handler(method, implementation),
    };
  }

  private handler(method: DescMethod, implementation: object): UntypedHandleCall {
    const served = servedMethod(method);
    const { stopping } = this.server;
    switch (method.methodKind) {
      case 'unary':
        return unaryCall(this.pipeline, served, bound<UnaryHandler>(implementation, method));
      case 'server_streaming':
        return serverStreamCall(this.pipeline, served, { handler: bound<ServerStreamHandler>(implementation, method), stopping });
      case 'client_streaming':
        return clientStreamCall(this.pipeline, served, bound<ClientStreamHandler>(implementation, method));
      case 'bidi_streaming':
        return bidiCall(this.pipeline, served, { handler: bound<BidiHandler>(implementation, method), stopping });
    }
  }
}

/** The implementation's function for a method. Its type was checked by `serve`; here it is only known to be a function. */
function bound<Handler>(implementation: object, method: DescMethod): Handler {
  const handler: unknown = Reflect.get(implementation, method.localName);
  if (!isHandler<Handler>(handler)) throw new Error(`${method.parent.typeName}.${method.name} is not implemented`);
  const call: unknown = handler.bind(implementation);
  if (!isHandler<Handler>(call)) throw new Error(`${method.name} cannot be bound`);
  return call;
}

function isHandler<Handler>(value: unknown): value is Handler & ((...args: never[]) => unknown) {
  return typeof value === 'function';
}
