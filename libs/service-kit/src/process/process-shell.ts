import { newId } from '@q2/database';
import type { ProcessSettings } from './configuration.js';
import { Dependencies } from './dependencies.js';
import { HttpRoutes, HttpServer, text } from './http-server.js';
import { createLogger, type Logger } from './logger.js';
import { startTracing } from './tracing.js';

/** What a process has before, and whether or not, its services run: logs, traces, and probes that answer. */
export interface ProcessShell {
  readonly member: string;
  readonly logger: Logger;
  readonly http: HttpRoutes;
  readonly httpPort: number;
  readonly dependencies: Dependencies;
  /** What the readiness probe answers. */
  readonly readiness: { isReady: boolean };
  close(): Promise<void>;
}

export interface ShellOptions {
  readonly name: string;
  readonly settings: ProcessSettings;
  readonly member?: string;
  readonly patience?: AbortSignal;
}

/**
 * Opens the HTTP port first of all, so that probes tell a process that waits from one that is dead.
 *
 * @throws {Unavailable} PORT_IN_USE
 */
export async function openShell(options: ShellOptions): Promise<ProcessShell> {
  const { name, settings, member = newId() } = options;
  const logger = createLogger({ level: settings.LOG_LEVEL, file: settings.LOG_FILE });
  const stopTracing = startTracing({
    service: name,
    member,
    logger,
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    sampledShare: settings.OTEL_TRACES_SAMPLER_ARG,
  });
  const dependencies = new Dependencies(logger, options.patience);
  const readiness = { isReady: false };
  const http = probes(dependencies, readiness);
  const server = new HttpServer(http);
  const close = async () => {
    await server.close();
    await stopTracing();
    await logger.flush();
  };
  try {
    const httpPort = await server.listen(settings.HTTP_ADDRESS);
    return { member, logger, http, httpPort, dependencies, readiness, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function probes(dependencies: Dependencies, readiness: { readonly isReady: boolean }): HttpRoutes {
  const http = new HttpRoutes();
  const unready = () => (dependencies.waitingFor === undefined ? 'not ready' : `waiting for ${dependencies.waitingFor}`);
  http.add('/livez', () => text(200, 'ok'));
  http.add('/readyz', () => (readiness.isReady ? text(200, 'ok') : text(503, unready())));
  return http;
}
