import { setTimeout as sleep } from 'node:timers/promises';
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { context, propagation } from '@opentelemetry/api';
import { Client as GrpcJsClient, credentials, Metadata } from '@grpc/grpc-js';
import { currentCall } from '../call.js';
import { mayRepeat, pauseAfter, RetryBudget } from './retry.js';
import { peerTarget } from './peer-target.js';
import { callBidi, callClientStream, callServerStream, callUnary, type Outgoing } from './method-calls.js';

export interface CallOptions {
  /** Longest wait; the deadline of the call being served bounds it too. @default 10000 for unary calls, none for streams */
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
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : never;

/** A typed client of a contract. Its methods reject with the domain error that the other side threw. */
export type Client<S extends DescService> = { readonly [Name in keyof S['method']]: ClientMethod<S['method'][Name]> };

/** Gives the token that a client proves itself by. */
export interface TokenSource {
  token(): Promise<string>;
}

const defaultTimeoutMs = 10_000;

/**
 * A peer that was away is found again within seconds; by default the pauses grow to two minutes. Names are looked up again
 * within a second of a lost connection: by default half a minute, in which a rolling update replaces every address.
 */
const channelOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.max_receive_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
};

/** Typed clients of contracts, over one connection for each address. */
export class ServiceClients {
  private readonly connections = new Map<string, GrpcJsClient>();
  private readonly budget = new RetryBudget();

  /**
   * @param addressOf gRPC address (`host:port`) of the process that serves a contract; of several replicas with commas between
   * @param tokens    the client's identity; undefined for clients of public methods only
   */
  constructor(
    private readonly addressOf: (service: DescService) => string,
    private readonly tokens: TokenSource | undefined,
  ) {}

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
    type Init = MessageInitShape<DescMessage>;
    switch (method.methodKind) {
      case 'unary':
        return (request: Init, options: CallOptions = {}) => this.unary(method, request, options);
      case 'client_streaming':
        return async (requests: AsyncIterable<Init>, options: CallOptions = {}) =>
          callClientStream(await this.outgoing(method, options), requests);
      case 'server_streaming':
        return (request: Init, options: CallOptions = {}) =>
          this.streaming(method, options, (outgoing) => callServerStream(outgoing, request));
      case 'bidi_streaming':
        return (requests: AsyncIterable<Init>, options: CallOptions = {}) =>
          this.streaming(method, options, (outgoing) => callBidi(outgoing, requests));
    }
  }

  /** Repeats what may be repeated, at another replica where there is one, within the call's deadline. */
  private async unary(method: DescMethod, request: MessageInitShape<DescMessage>, options: CallOptions) {
    const outgoing = await this.outgoing(method, options);
    const deadline = Number(outgoing.options.deadline ?? Number.POSITIVE_INFINITY);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await callUnary(outgoing, request);
        this.budget.succeeded();
        return response;
      } catch (error) {
        const pauseMs = mayRepeat(method, request, error) && this.budget.spend() ? pauseAfter(attempt, Math.random()) : undefined;
        if (pauseMs === undefined || options.signal?.aborted || Date.now() + pauseMs >= deadline) throw error;
        await sleep(pauseMs);
      }
    }
  }

  private async *streaming<T>(method: DescMethod, options: CallOptions, open: (outgoing: Outgoing) => AsyncIterable<T>): AsyncIterable<T> {
    yield* open(await this.outgoing(method, options));
  }

  private async outgoing(method: DescMethod, options: CallOptions): Promise<Outgoing> {
    return {
      connection: this.connection(method.parent),
      method,
      metadata: await this.metadata(options),
      options: deadlineOption(method, options),
      signal: options.signal,
    };
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
    const connection = new GrpcJsClient(peerTarget(address), credentials.createInsecure(), channelOptions);
    this.connections.set(address, connection);
    return connection;
  }
}

/** A unary call made while serving another ends with it at the latest; streams last as long as they are told to. */
function deadlineOption(method: DescMethod, options: CallOptions): { deadline?: number } {
  const timeoutMs = options.timeoutMs ?? (method.methodKind === 'unary' ? defaultTimeoutMs : undefined);
  if (timeoutMs === undefined) return {};
  const outerMs = currentCall()?.deadlineAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return { deadline: Math.min(Date.now() + timeoutMs, outerMs) };
}

function isClient<S extends DescService>(client: object, service: S): client is Client<S> {
  return service.methods.every((method) => method.localName in client);
}
