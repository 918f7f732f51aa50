import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureServiceKeys } from '@q2/all-in-one';
import { freePorts } from './free-ports.js';
import { ServiceProcess } from './service-process.js';

/** The services, each with the setting that tells its peers where it is. */
const addressSettings = {
  'tenant-manager': 'TENANT_MANAGER_ADDRESS',
  'model-registry': 'MODEL_REGISTRY_ADDRESS',
  'ab-testing': 'AB_TESTING_ADDRESS',
  monitoring: 'MONITORING_ADDRESS',
  'workflow-orchestrator': 'WORKFLOW_ORCHESTRATOR_ADDRESS',
  scheduler: 'SCHEDULER_ADDRESS',
} as const;

export type ServiceName = keyof typeof addressSettings;

export const serviceNames: readonly ServiceName[] = [
  'tenant-manager',
  'model-registry',
  'ab-testing',
  'monitoring',
  'workflow-orchestrator',
  'scheduler',
];

export interface ProcessesOptions {
  /** Of each service. @default 1 */
  readonly replicas?: number;
  /** @default all six */
  readonly services?: readonly ServiceName[];
  readonly databaseUrl: string;
  /** Kafka brokers; without them events go through the database. */
  readonly brokers?: readonly string[];
  /** Folder for keys and artifacts, shared by all processes. */
  readonly home: string;
  /** Further settings of every process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** False: nothing is started, and whoever asked starts each process in an order of its own. @default true */
  readonly autostart?: boolean;
}

/** Six services, each in processes of their own. */
export interface PlatformProcesses {
  /** gRPC addresses of a service's replicas. */
  addressesOf(service: ServiceName): string[];
  replicas(service: ServiceName): ServiceProcess[];
  readonly all: readonly ServiceProcess[];
  /** What the demo and clients are to be told: where each service is, and the home with the operator's key. */
  readonly environment: Record<string, string>;
  readonly operatorKeyFile: string;
  /** Resolves when every process is ready. */
  untilReady(): Promise<void>;
  /** Stops all in order, and kills what does not end. */
  stop(): Promise<void>;
}

/** Starts the services as processes of their own; resolves when all are ready. They end with this process at the latest. */
export async function startProcesses(options: ProcessesOptions): Promise<PlatformProcesses> {
  const { services = serviceNames, replicas = 1, home, autostart = true } = options;
  const operatorKeyFile = join(home, 'operator.key');
  await mkdir(home, { recursive: true });
  await ensureServiceKeys(join(home, 'keys'), services);
  const places = services.flatMap((service) => Array.from({ length: replicas }, (_, index) => ({ service, index })));
  const ports = await freePorts(places.length * 2);
  const addressesOf = (service: ServiceName) =>
    places.flatMap((place, at) => (place.service === service ? [`127.0.0.1:${ports[at * 2] ?? 0}`] : []));
  const peers = Object.fromEntries(services.map((service) => [addressSettings[service], addressesOf(service).join(',')]));
  const environment = { ...settingsOf(options, operatorKeyFile), ...peers, ...options.environment };
  const all = places.map(({ service, index }, at) => {
    return new ServiceProcess(service, index, { grpcPort: ports[at * 2] ?? 0, httpPort: ports[at * 2 + 1] ?? 0, environment });
  });
  const platform = {
    addressesOf,
    replicas: (service: ServiceName) => all.filter((each) => each.service === service),
    all,
    environment: { ...peers, Q2_HOME: home },
    operatorKeyFile,
    untilReady: async () => void (await Promise.all(all.map((each) => each.untilReady()))),
    stop: async () => void (await Promise.all(all.map(stopProcess))),
  };
  if (autostart) await startAll(platform);
  return platform;
}

/** Few connections each: a dozen processes share one server. */
function settingsOf({ home, databaseUrl, brokers }: ProcessesOptions, operatorKeyFile: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: '6',
    Q2_SERVICE_KEYS_DIRECTORY: join(home, 'keys'),
    Q2_ARTIFACTS_DIRECTORY: join(home, 'artifacts'),
    Q2_OPERATOR_KEY_FILE: operatorKeyFile,
    LOG_LEVEL: 'warn',
    KAFKA_BROKERS: brokers?.join(',') ?? '',
  };
}

async function startAll(platform: PlatformProcesses): Promise<void> {
  try {
    for (const each of platform.all) await each.start();
    await platform.untilReady();
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

const endsWithinMs = 60_000;

async function stopProcess(each: ServiceProcess): Promise<void> {
  if (!each.isRunning) return;
  const timer = setTimeout(() => void each.end('SIGKILL'), endsWithinMs);
  await each.end('SIGTERM');
  clearTimeout(timer);
}
