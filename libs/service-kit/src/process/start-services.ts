import 'reflect-metadata';
import { join } from 'node:path';
import { Module, type DynamicModule, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { JSONWebKeySet } from 'jose';
import { TokenVerifier } from '../access/token-verifier.js';
import { fetchJwks, peersOf, serviceTokenSource } from '../clients/peers.js';
import { ServiceClients, type TokenSource } from '../clients/service-clients.js';
import { GrpcServer } from '../grpc/grpc-server.js';
import { InFlight } from '../grpc/in-flight.js';
import { Clock } from './clock.js';
import type { ProcessSettings } from './configuration.js';
import { Metrics } from './metrics.js';
import { openBus, type OpenBus } from './open-bus.js';
import { postgresAt } from './postgres-at.js';
import type { ProcessContext } from './process-context.js';
import type { ProcessShell } from './process-shell.js';
import { ProcessModule } from './process.module.js';
import { sharedReading } from './shared-reading.js';

export interface ServicesOptions {
  /** Name of the process. */
  readonly name: string;
  /** One module for each service that runs in this process. */
  readonly modules: readonly (Type | DynamicModule)[];
  readonly settings: ProcessSettings;
  readonly databaseUrl: string;
  /** Where services read settings of their own from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  /** Where the keys that tokens are verified with come from. @default tenant-manager */
  readonly fetchKeys?: () => Promise<JSONWebKeySet>;
  /** True where tenant-manager itself runs here: it has no keys to wait for. @default false */
  readonly issuesKeys?: boolean;
  /** How services prove themselves to their peers. @default by the key file of each */
  readonly identity?: (service: string) => TokenSource;
}

/** Services that answer, and what stops them. */
export interface RunningServices {
  readonly app: INestMicroservice;
  readonly context: ProcessContext;
  /** Ends loops, consumers and connections. */
  close(): Promise<void>;
}

@Module({})
class RootModule {}

/** Starts the services of this process: what they need of others first, then storage, events and gRPC. */
export async function startServices(options: ServicesOptions, shell: ProcessShell): Promise<RunningServices> {
  const metrics = processMetrics(shell);
  const { dependencies, logger, member } = shell;
  const { settings, databaseUrl, name } = options;
  const bus = await dependencies.obtain(busOf(options), () => openBus({ settings, databaseUrl, logger, member, name }));
  const context = processContext(options, shell, { metrics, bus: bus.bus });
  try {
    await obtainKeys(options, context);
    const root = { module: RootModule, imports: [ProcessModule.forRoot(context), ...options.modules] };
    const app = await NestFactory.createMicroservice(root, { strategy: context.grpc, logger: false, abortOnError: false });
    return await listen(app, context, bus);
  } catch (error) {
    await closeShared(context, bus);
    throw error;
  }
}

async function listen(app: INestMicroservice, context: ProcessContext, bus: OpenBus): Promise<RunningServices> {
  const close = async () => {
    await app.close();
    await closeShared(context, bus);
  };
  try {
    await app.listen();
    return { app, context, close };
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function closeShared(context: ProcessContext, bus: OpenBus): Promise<void> {
  await bus.close();
  context.tokens.close();
  context.publicClients.close();
}

function busOf({ settings, databaseUrl }: ServicesOptions): string {
  return settings.KAFKA_BROKERS === undefined ? postgresAt(databaseUrl) : `Kafka at ${settings.KAFKA_BROKERS}`;
}

/** Keys and a token of its own are obtained before the first call, so that tenant-manager may be away during any. */
async function obtainKeys(options: ServicesOptions, context: ProcessContext): Promise<void> {
  const address = options.settings.TENANT_MANAGER_ADDRESS;
  if (address === undefined || options.issuesKeys || options.fetchKeys !== undefined) return;
  await context.dependencies.obtain(`the keys of tenant-manager at ${address}`, () => context.tokens.refresh());
  await context.dependencies.obtain(`a token of tenant-manager at ${address}`, () => context.identity(options.name).token());
}

function processMetrics({ http, readiness }: ProcessShell): Metrics {
  const metrics = new Metrics();
  metrics.collectProcess();
  metrics.gauge('q2_ready', 'Whether this process takes calls: 1, or 0 while it starts and stops', () => Number(readiness.isReady));
  http.add('/metrics', async () => ({ status: 200, contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }));
  return metrics;
}

function processContext(
  options: ServicesOptions,
  { http, dependencies, logger, member }: ProcessShell,
  parts: Pick<ProcessContext, 'bus' | 'metrics'>,
): ProcessContext {
  const { settings, databaseUrl, environment = process.env, clock = new Clock() } = options;
  const { metrics, bus } = parts;
  const grpc = new GrpcServer({ address: settings.GRPC_ADDRESS, maxMessageBytes: settings.GRPC_MAX_MESSAGE_BYTES });
  const inFlight = new InFlight(settings.GRPC_MAX_CALLS);
  metrics.gauge('grpc_server_calls_in_flight', 'Unary calls being served', () => inFlight.size);
  metrics.gauges(
    { name: 'q2_consumer_lag', help: 'Events published and not yet handled by a group', labelNames: ['group', 'topic'] },
    // However often it is scraped, the brokers are asked once at a time.
    sharedReading(async () => (await bus.lag()).map(({ group, topic, records }) => ({ labels: { group, topic }, value: records })), 1_000),
  );
  const publicClients = new ServiceClients(peersOf(settings, grpc), undefined);
  const tokens = new TokenVerifier(options.fetchKeys ?? (() => fetchJwks(publicClients)));
  const identity = options.identity ?? ownIdentities(settings.Q2_SERVICE_KEYS_DIRECTORY, publicClients);
  const shared = { logger, member, http, dependencies, settings, databaseUrl, environment, clock };
  return { ...shared, ...parts, grpc, inFlight, tokens, publicClients, identity };
}

/** One for each service, whoever asks. */
function ownIdentities(directory: string, clients: ServiceClients): (service: string) => TokenSource {
  const known = new Map<string, TokenSource>();
  return (service) => {
    const identity = known.get(service) ?? serviceTokenSource(service, join(directory, `${service}.key`), clients);
    known.set(service, identity);
    return identity;
  };
}
