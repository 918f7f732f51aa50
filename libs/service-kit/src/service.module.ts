import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Database, type ServiceSchema } from '@q2/database';
import { Outbox, ServiceEvents, Subscriptions } from '@q2/events';
import { peersOf } from './clients/peers.js';
import { ServiceClients } from './clients/service-clients.js';
import { Admission } from './grpc/admission.js';
import { Audit } from './grpc/audit.js';
import { GrpcEndpoint } from './grpc/grpc-endpoint.js';
import { Observation } from './grpc/observation.js';
import { Pipeline } from './grpc/pipeline.js';
import { Ingress } from './ingress/ingress.js';
import { issueBy, KeyExchange } from './ingress/key-exchange.js';
import { postgresAt } from './process/postgres-at.js';
import { ProcessContext } from './process/process-context.js';
import { TenantQuotas } from './quotas/tenant-quotas.js';
import { RequestLog } from './requests/request-log.js';
import { ServiceRuntime } from './service-runtime.js';
import { completeSchema } from './service-schema.js';
import { TenantDirectory } from './tenants/tenant-directory.js';

/** What makes a service: its name among the others, and what it keeps in PostgreSQL. */
export interface ServiceDefinition {
  /** Such as `model-registry`; also its identity towards its peers. */
  readonly name: string;
  readonly schema: ServiceSchema;
}

/**
 * Gives one service its own database schema, outbox, subscriptions, gRPC endpoint and clients. Several services of one
 * process each import it with their own definition and share nothing but the process.
 */
@Module({})
export class ServiceModule {
  static register(definition: ServiceDefinition): DynamicModule {
    return {
      module: ServiceModule,
      providers: [...storage(definition), ...transport(definition), quotas(definition), ingress(definition), runtime(definition)],
      exports: [Database, Outbox, Subscriptions, GrpcEndpoint, ServiceClients, TenantDirectory, TenantQuotas, ServiceEvents, Ingress],
    };
  }
}

/** Share of a service's connections that its event handlers may use at once. */
const handlersShare = 0.6;

function storage({ name, schema }: ServiceDefinition): Provider[] {
  return [
    {
      provide: Database,
      inject: [ProcessContext],
      useFactory: ({ databaseUrl: url, settings, dependencies }: ProcessContext) =>
        dependencies.obtain(postgresAt(url), () =>
          Database.connect({ url, poolSize: settings.DATABASE_POOL_SIZE, schema: completeSchema(schema) }),
        ),
    },
    {
      provide: ServiceEvents,
      inject: [ProcessContext, Database],
      useFactory: ({ bus, logger, member, settings }: ProcessContext, database: Database) => {
        // Handlers leave connections to calls, whatever the flood of events.
        const concurrency = Math.max(2, Math.floor(settings.DATABASE_POOL_SIZE * handlersShare));
        return new ServiceEvents({ service: name, database, bus, member, concurrency, log: logger.child({ service: name }) });
      },
    },
    { provide: Outbox, inject: [ServiceEvents], useFactory: (events: ServiceEvents) => events.outbox },
    { provide: Subscriptions, inject: [ServiceEvents], useFactory: (events: ServiceEvents) => events.subscriptions },
    { provide: TenantDirectory, inject: [Database], useFactory: (database: Database) => new TenantDirectory(database, name) },
    { provide: RequestLog, inject: [Database], useFactory: (database: Database) => new RequestLog(database) },
  ];
}

function transport({ name }: ServiceDefinition): Provider[] {
  return [
    {
      provide: ServiceClients,
      inject: [ProcessContext],
      useFactory: ({ settings, grpc, identity }: ProcessContext) => new ServiceClients(peersOf(settings, grpc), identity(name)),
    },
    {
      provide: GrpcEndpoint,
      inject: [ProcessContext, Database, Outbox, RequestLog, TenantDirectory],
      useFactory: (context: ProcessContext, database: Database, outbox: Outbox, requests: RequestLog, tenants: TenantDirectory) =>
        new GrpcEndpoint(
          context.grpc,
          new Pipeline({
            admission: new Admission(context.tokens, tenants),
            observation: new Observation(context.logger.child({ service: name }), context.metrics, name),
            requests,
            audit: new Audit(outbox),
            database,
            inFlight: context.inFlight,
          }),
        ),
    },
  ];
}

function quotas({ name }: ServiceDefinition): Provider {
  return {
    provide: TenantQuotas,
    inject: [ProcessContext, Database, ServiceClients],
    useFactory: ({ logger }: ProcessContext, database: Database, clients: ServiceClients) =>
      new TenantQuotas({ database, clients, logger: logger.child({ service: name }) }),
  };
}

function ingress({ name }: ServiceDefinition): Provider {
  return {
    provide: Ingress,
    inject: [ProcessContext, Subscriptions, ServiceClients, TenantDirectory],
    useFactory: (context: ProcessContext, subscriptions: Subscriptions, clients: ServiceClients, tenants: TenantDirectory) =>
      new Ingress({
        subscriptions,
        admission: new Admission(context.tokens, tenants),
        keys: new KeyExchange(issueBy(clients)),
        metrics: context.metrics,
        logger: context.logger.child({ service: name }),
      }),
  };
}

function runtime({ name }: ServiceDefinition): Provider {
  return {
    provide: ServiceRuntime,
    inject: [ProcessContext, Database, ServiceEvents, TenantDirectory, RequestLog, ServiceClients],
    useFactory: (context: ProcessContext, ...parts: RuntimeParts) => {
      const [database, events, tenants, requests, clients] = parts;
      return new ServiceRuntime({
        service: name,
        metrics: context.metrics,
        logger: context.logger,
        database,
        events,
        tenants,
        requests,
        clients,
      });
    },
  };
}

type RuntimeParts = [Database, ServiceEvents, TenantDirectory, RequestLog, ServiceClients];
