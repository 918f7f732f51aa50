import type { EventBus } from '@q2/events';
import type { TokenVerifier } from '../access/token-verifier.js';
import type { ServiceClients, TokenSource } from '../clients/service-clients.js';
import type { GrpcServer } from '../grpc/grpc-server.js';
import type { InFlight } from '../grpc/in-flight.js';
import type { Clock } from './clock.js';
import type { ProcessSettings } from './configuration.js';
import type { Dependencies } from './dependencies.js';
import type { HttpRoutes } from './http-server.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** What the services of one process share. */
export abstract class ProcessContext {
  abstract readonly settings: ProcessSettings;
  /** The environment variables that services read settings of their own from. */
  abstract readonly environment: NodeJS.ProcessEnv;
  abstract readonly databaseUrl: string;
  /** Name of this process among the replicas. */
  abstract readonly member: string;
  abstract readonly logger: Logger;
  abstract readonly metrics: Metrics;
  abstract readonly http: HttpRoutes;
  /** What must be there before the services run. */
  abstract readonly dependencies: Dependencies;
  abstract readonly grpc: GrpcServer;
  abstract readonly inFlight: InFlight;
  abstract readonly tokens: TokenVerifier;
  /** Clients of public methods, which need no token. */
  abstract readonly publicClients: ServiceClients;
  /** The identity of a service of this process towards its peers. */
  abstract readonly identity: (service: string) => TokenSource;
  abstract readonly bus: EventBus;
  abstract readonly clock: Clock;
}
