import type { DynamicModule, Type } from '@nestjs/common';
import type { DescService } from '@bufbuild/protobuf';
import {
  configuration,
  processSettings,
  ServiceClients,
  startProcess,
  type Client,
  type Clock,
  type RunningProcess,
} from '@q2/service-kit';
import { startTestDatabase } from '@q2/database/testing';
import { TestTokens, type TestPrincipal } from './test-tokens.js';

export interface TestPlatformOptions {
  readonly modules: readonly (Type | DynamicModule)[];
  /** Environment variables that the process is given. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Continues on this database, as after a restart; otherwise a fresh one. */
  readonly databaseUrl?: string;
}

/** Services running in this process, on a real PostgreSQL, answering real gRPC on free ports. */
export interface TestPlatform {
  readonly process: RunningProcess;
  readonly databaseUrl: string;
  readonly address: string;
  /** A client that sends a token of this principal, or of that text, or none. */
  client<S extends DescService>(service: S, as?: TestPrincipal | string): Client<S>;
  token(principal: TestPrincipal): Promise<string>;
  get<T>(token: Type<T>): T;
  stop(): Promise<void>;
}

/** Starts services for a test. Tokens are signed by a key of the test, so tenant-manager need not be among them. */
export async function startTestPlatform(options: TestPlatformOptions): Promise<TestPlatform> {
  const database = options.databaseUrl === undefined ? await startTestDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? database?.url ?? '';
  const tokens = await TestTokens.create();
  const settings = configuration(processSettings, {
    GRPC_ADDRESS: '127.0.0.1:0',
    HTTP_ADDRESS: '127.0.0.1:0',
    LOG_LEVEL: 'silent',
    DATABASE_POOL_SIZE: '6',
    ...options.environment,
  });
  const process = await startProcess({
    name: 'test',
    modules: options.modules,
    settings,
    databaseUrl,
    environment: options.environment ?? {},
    fetchKeys: () => Promise.resolve(tokens.jwks),
    identity: (service) => ({ token: () => tokens.sign({ id: `services/${service}`, tenant: 'platform', roles: [`service:${service}`] }) }),
    ...(options.clock && { clock: options.clock }),
  });
  const address = `127.0.0.1:${process.grpcPort}`;
  const opened: ServiceClients[] = [];
  return {
    process,
    databaseUrl,
    address,
    client: (service, as) => {
      const clients = new ServiceClients(
        () => address,
        as === undefined ? undefined : { token: () => (typeof as === 'string' ? Promise.resolve(as) : tokens.sign(as)) },
      );
      opened.push(clients);
      return clients.get(service);
    },
    token: (principal) => tokens.sign(principal),
    get: (token) => process.get(token),
    stop: async () => {
      for (const clients of opened) clients.close();
      await process.stop();
      await database?.stop();
    },
  };
}
