import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { context, propagation } from '@opentelemetry/api';
import { Client as GrpcJsClient, credentials, Metadata, type CallOptions as GrpcCallOptions } from '@grpc/grpc-js';
import { currentCall } from '../call.js';
import { fromServiceError } from './remote-error.js';

export interface CallOptions {
  /** Longest wait; the deadline of the call being served bounds it too. @default 10000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Whose token is sent: the service's own, or that of the caller being served. @default 'service' */
  readonly as?: 'service' | 'caller';
}

type ClientMethod<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;

/** A typed client of a contract: its unary and server-streaming methods. */
export type Client<S extends DescService> = { readonly [Name in keyof S['method']]: ClientMethod<S['method'][Name]> };

/** Gives the token that a service proves itself by. */
export interface TokenSource {
  token(): Promise<string>;
}

const defaultTimeoutMs = 10_000;

/** Typed clients of the other services, over one connection for each address. */
export class ServiceClients {
  private readonly connections = new Map<string, GrpcJsClient>();

  /**
   * @param addressOf gRPC address (`host:port`) of the process that serves a contract
   * @param tokens    the service's own identity; undefined for clients of public methods only
   */
  constructor(
    private readonly addressOf: (service: DescService) => string,
    private readonly tokens: TokenSource | undefined,
  ) {}

  /** A client whose methods reject with the domain error that the other side threw. */
  get<S extends DescService>(service: S): Client<S> {
    const methods = service.methods.map((method) => [method.localName, this.method(method)] as const);
    const client: object = Object.fromEntries(methods);
    if (!isClient(client, service)) throw new Error(`${service.typeName} has no methods`);
    return client;
  }

  close(): void {
    for (const connection of this.connections.values()) connection.close();
    this.connections.clear();
  }

  private method(method: DescMethod): unknown {
    if (method.methodKind === 'unary')
      return (request: MessageInitShape<DescMessage>, options: CallOptions = {}) => this.unary(method, request, options);
    if (method.methodKind === 'server_streaming')
      return (request: MessageInitShape<DescMessage>, options: CallOptions = {}) => this.serverStream(method, request, options);
    return () => Promise.reject(new Error(`${method.name} streams requests; services do not call it`));
  }

  private async unary(
    method: DescMethod,
    request: MessageInitShape<DescMessage>,
    options: CallOptions,
  ): Promise<MessageShape<DescMessage>> {
    const metadata = await this.metadata(options);
    const bytes = toBinary(method.input, create(method.input, request));
    return new Promise((resolve, reject) => {
      const call = this.connection(method.parent).makeUnaryRequest(
        pathOf(method),
        (value: Uint8Array) => Buffer.from(value),
        (value: Buffer) => fromBinary(method.output, value),
        bytes,
        metadata,
        callOptions(options),
        (error, response) => (error || !response ? reject(error ? fromServiceError(error) : new Error('no response')) : resolve(response)),
      );
      options.signal?.addEventListener('abort', () => call.cancel(), { once: true });
    });
  }

  private async *serverStream(
    method: DescMethod,
    request: MessageInitShape<DescMessage>,
    options: CallOptions,
  ): AsyncIterable<MessageShape<DescMessage>> {
    const metadata = await this.metadata(options);
    const call = this.connection(method.parent).makeServerStreamRequest(
      pathOf(method),
      (value: Uint8Array) => Buffer.from(value),
      (value: Buffer) => fromBinary(method.output, value),
      toBinary(method.input, create(method.input, request)),
      metadata,
      callOptions(options),
    );
    options.signal?.addEventListener('abort', () => call.cancel(), { once: true });
    try {
      for await (const response of call) yield response;
    } catch (error) {
      throw fromServiceError(error);
    } finally {
      call.cancel();
    }
  }

  private async metadata(options: CallOptions): Promise<Metadata> {
    const metadata = new Metadata();
    const token = options.as === 'caller' ? currentCall()?.token : await this.tokens?.token();
    if (token) metadata.set('authorization', `Bearer ${token}`);
    propagation.inject(context.active(), metadata, { set: (carrier, key, value) => carrier.set(key, String(value)) });
    return metadata;
  }

  private connection(service: DescService): GrpcJsClient {
    const address = this.addressOf(service);
    const known = this.connections.get(address);
    if (known) return known;
    const connection = new GrpcJsClient(address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
    this.connections.set(address, connection);
    return connection;
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** A call made while serving another ends with it at the latest. */
function callOptions(options: CallOptions): GrpcCallOptions {
  const deadlineMs = Date.now() + (options.timeoutMs ?? defaultTimeoutMs);
  const outerMs = currentCall()?.deadlineAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return { deadline: Math.min(deadlineMs, outerMs) };
}

function isClient<S extends DescService>(client: object, service: S): client is Client<S> {
  return service.methods.every((method) => method.localName in client);
}
