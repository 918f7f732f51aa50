import 'reflect-metadata';
import { join } from 'node:path';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { crashPoint, newId } from '@q2/database';
import type { JSONWebKeySet } from 'jose';
import { TokenVerifier } from '../access/token-verifier.js';
import { peersOf, fetchJwks, serviceTokenSource } from '../clients/peers.js';
import { ServiceClients, type TokenSource } from '../clients/service-clients.js';
import { GrpcServer } from '../grpc/grpc-server.js';
import { InFlight } from '../grpc/in-flight.js';
import { Clock } from './clock.js';
import type { ProcessSettings } from './configuration.js';
import { HttpRoutes, HttpServer, text } from './http-server.js';
import { createLogger, type Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { openBus } from './open-bus.js';
import type { ProcessContext } from './process-context.js';
import { ProcessModule } from './process.module.js';
import { startTracing } from './tracing.js';

export interface ProcessOptions {
  /** Name in logs and traces. */
  readonly name: string;
  /** One module for each service that runs in this process. */
  readonly modules: readonly (Type | DynamicModule)[];
  readonly settings: ProcessSettings;
  readonly databaseUrl: string;
  /** Where services read settings of their own from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /**
   * Name of this process among the replicas. One that is alone on its database, and sure of it, keeps its name, so that
   * after a crash it goes on at once with what its leases still hold. @default a new one
   */
  readonly member?: string;
  readonly clock?: Clock;
  /** Where the keys that tokens are verified with come from. @default tenant-manager */
  readonly fetchKeys?: () => Promise<JSONWebKeySet>;
  /** How services prove themselves to their peers. @default by the key file of each */
  readonly identity?: (service: string) => TokenSource;
}

/** A process that answers calls. */
export interface RunningProcess {
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly logger: Logger;
  /** A provider of one of the modules. */
  get<T>(token: Type<T>): T;
  /** Stops in order: not ready, no new calls, calls in flight end, loops end, connections close. */
  stop(): Promise<void>;
}

@Module({})
class RootModule {}

/** Starts services in this process: storage, events, gRPC, HTTP. Resolves when it is ready. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { settings } = options;
  const logger = createLogger({ level: settings.LOG_LEVEL, file: settings.LOG_FILE });
  const { member = newId() } = options;
  const stopTracing = startTracing({
    service: options.name,
    member,
    logger,
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    sampledShare: settings.OTEL_TRACES_SAMPLER_ARG,
  });
  const { bus, close: closeBus } = await openBus({ settings, databaseUrl: options.databaseUrl, logger, member, name: options.name });
  const context = processContext(options, { logger, bus, member });
  const readiness = { isReady: false };
  context.metrics.gauges(
    { name: 'q2_consumer_lag', help: 'Events published and not yet handled by a group', labelNames: ['group', 'topic'] },
    async () => (await bus.lag()).map(({ group, topic, records }) => ({ labels: { group, topic }, value: records })),
  );
  context.metrics.gauge('q2_ready', 'Whether this process takes calls: 1, or 0 while it starts and stops', () => Number(readiness.isReady));
  addProbes(context, readiness);
  const http = new HttpServer(context.http);
  const root = { module: RootModule, imports: [ProcessModule.forRoot(context), ...options.modules] };
  const app = await NestFactory.createMicroservice(root, { strategy: context.grpc, logger: false, abortOnError: false });
  await app.listen();
  const httpPort = await http.listen(settings.HTTP_ADDRESS);
  context.grpc.setServing(true);
  readiness.isReady = true;
  logger.info({ grpcPort: context.grpc.port, httpPort }, 'ready');

  const stop = async () => {
    readiness.isReady = false;
    context.grpc.setServing(false);
    await context.grpc.drain(settings.SHUTDOWN_TIMEOUT_MS);
    crashPoint('process.during-shutdown');
    await app.close();
    await closeBus();
    context.publicClients.close();
    await http.close();
    await stopTracing();
    logger.flush();
  };
  return { grpcPort: context.grpc.port, httpPort, logger, get: (token) => app.get(token, { strict: false }), stop };
}

function processContext(options: ProcessOptions, parts: Pick<ProcessContext, 'logger' | 'bus' | 'member'>): ProcessContext {
  const { settings, databaseUrl, environment = process.env } = options;
  const metrics = new Metrics();
  metrics.collectProcess();
  const grpc = new GrpcServer({ address: settings.GRPC_ADDRESS, maxMessageBytes: settings.GRPC_MAX_MESSAGE_BYTES });
  const inFlight = new InFlight(settings.GRPC_MAX_CALLS);
  metrics.gauge('grpc_server_calls_in_flight', 'Unary calls being served', () => inFlight.size);
  const publicClients = new ServiceClients(peersOf(settings, grpc), undefined);
  const tokens = new TokenVerifier(options.fetchKeys ?? (() => fetchJwks(publicClients)));
  const keyFile = (service: string) => join(settings.Q2_SERVICE_KEYS_DIRECTORY, `${service}.key`);
  const identity = options.identity ?? ((service) => serviceTokenSource(service, keyFile(service), publicClients));
  const clock = options.clock ?? new Clock();
  return {
    ...parts,
    settings,
    databaseUrl,
    environment,
    metrics,
    http: new HttpRoutes(),
    grpc,
    inFlight,
    tokens,
    publicClients,
    identity,
    clock,
  };
}

function addProbes({ http, metrics }: ProcessContext, readiness: { readonly isReady: boolean }): void {
  http.add('/livez', () => text(200, 'ok'));
  http.add('/readyz', () => (readiness.isReady ? text(200, 'ok') : text(503, 'not ready')));
  http.add('/metrics', async () => ({ status: 200, contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }));
}
