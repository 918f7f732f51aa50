import type { DescService } from '@bufbuild/protobuf';
import {
  logVerbosity,
  Server as GrpcJsServer,
  ServerCredentials,
  setLogVerbosity,
  type MethodDefinition,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { Unavailable } from '@q2/errors';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { HealthImplementation } from 'grpc-health-check';
import { listenProblem } from '../process/http-server.js';
import { announceEnd } from './announce-end.js';
import { addHealth } from './health.js';
import { addReflection } from './reflection.js';

export interface GrpcServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly maxMessageBytes: number;
}

/** Where a served method is registered: its definition for grpc-js and the function that answers. */
export interface ServedCall {
  readonly definition: MethodDefinition<Uint8Array, Buffer>;
  readonly handler: UntypedHandleCall;
}

/** How long clients get to hear that the process stops, before connections close. */
const farewellMs = 250;

/**
 * The process's one gRPC port, as a Nest transport strategy: Nest starts and stops it with the application, grpc-js does
 * the rest. Nest's own gRPC transport costs 20 to 60 µs of CPU a call and reads .proto files at start.
 */
export class GrpcServer implements CustomTransportStrategy {
  private readonly server: GrpcJsServer;
  private readonly health = new HealthImplementation({ '': 'NOT_SERVING' });
  private readonly services: DescService[] = [];
  private readonly draining = new AbortController();
  private boundPort = 0;

  constructor(private readonly options: GrpcServerOptions) {
    // What grpc-js prints to standard error comes back as errors too, and is reported from there.
    setLogVerbosity(logVerbosity.NONE);
    this.server = new GrpcJsServer({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
  }

  /** The port bound, known once listening. */
  get port(): number {
    return this.boundPort;
  }

  get isListening(): boolean {
    return this.boundPort > 0;
  }

  /** Aborted when the process stops: streams end then, so that their callers connect elsewhere. */
  get stopping(): AbortSignal {
    return this.draining.signal;
  }

  add(service: DescService, calls: ReadonlyMap<string, ServedCall>): void {
    const definitions = Object.fromEntries([...calls].map(([name, call]) => [name, call.definition]));
    const handlers = Object.fromEntries([...calls].map(([name, call]) => [name, call.handler]));
    this.server.addService(definitions, handlers);
    this.services.push(service);
    this.health.setStatus(service.typeName, 'NOT_SERVING');
  }

  /** Called by Nest once all modules are initialised. */
  listen(done: (error?: unknown) => void): void {
    addReflection(this.server, this.services);
    addHealth(this.server, this.health, this.stopping);
    this.server.bindAsync(this.options.address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) done(new Unavailable('PORT_IN_USE', `gRPC cannot listen on ${this.options.address}: ${listenProblem(error)}`));
      else {
        this.boundPort = port;
        done();
      }
    });
  }

  /** Says to health checks whether calls are welcome. */
  setServing(isServing: boolean): void {
    const status = isServing ? 'SERVING' : 'NOT_SERVING';
    this.health.setStatus('', status);
    for (const service of this.services) this.health.setStatus(service.typeName, status);
  }

  /**
   * Takes no more calls and waits for those in flight, at most `timeoutMs`; then cuts them. A client with another replica
   * to go to notices nothing but the end of its streams, whose reason tells it to connect again.
   */
  async drain(timeoutMs: number): Promise<void> {
    await announceEnd(this.server, Math.min(timeoutMs, farewellMs));
    this.draining.abort(new Unavailable('STOPPING', 'this process is stopping; connect again'));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    await Promise.race([closed, limit]);
    clearTimeout(timer);
    this.server.forceShutdown();
  }

  /** Called by Nest at the end. */
  close(): void {
    this.server.forceShutdown();
  }
}
