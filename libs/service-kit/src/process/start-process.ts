import { setTimeout as sleep } from 'node:timers/promises';
import type { Type } from '@nestjs/common';
import { crashPoint } from '@q2/database';
import { Unavailable } from '@q2/errors';
import type { Logger } from './logger.js';
import { openShell, type ProcessShell } from './process-shell.js';
import { startServices, type RunningServices, type ServicesOptions } from './start-services.js';

export interface ProcessOptions extends ServicesOptions {
  /**
   * Name of this process among the replicas. One that is alone on its database, and sure of it, keeps its name, so that
   * after a crash it goes on at once with what its leases still hold. @default a new one
   */
  readonly member?: string;
  /** Waits for what others have not started yet, until this is aborted; without it a start that lacks something fails. */
  readonly patience?: AbortSignal;
  /** Done once the services run, before the process says that it is ready. */
  readonly prepare?: (running: Pick<RunningProcess, 'get'>) => Promise<void>;
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

/**
 * Starts services in this process: storage, events, gRPC, HTTP. Resolves when it is ready.
 *
 * @throws {StartAborted} where its patience was ended before
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const shell = await openShell(options);
  try {
    // What goes away again in the middle of the start is waited for like what is away before.
    const services = await shell.dependencies.complete('all that the services need', () => startServices(options, shell));
    const running = runningProcess(options, shell, services);
    await options.prepare?.(running);
    services.context.grpc.setServing(true);
    shell.readiness.isReady = true;
    shell.logger.info({ grpcPort: running.grpcPort, httpPort: running.httpPort }, 'ready');
    return running;
  } catch (error) {
    await shell.close();
    throw error;
  }
}

function runningProcess({ settings }: ProcessOptions, shell: ProcessShell, services: RunningServices): RunningProcess {
  const { grpc } = services.context;
  const stop = async () => {
    shell.readiness.isReady = false;
    grpc.setServing(false);
    await sleep(settings.SHUTDOWN_DELAY_MS);
    await grpc.drain(settings.SHUTDOWN_TIMEOUT_MS);
    crashPoint('process.during-shutdown');
    await withinLimit(settings.SHUTDOWN_TIMEOUT_MS, async () => {
      await services.close();
      await shell.close();
    });
  };
  const { httpPort, logger } = shell;
  return { grpcPort: grpc.port, httpPort, logger, get: (token) => services.app.get(token, { strict: false }), stop };
}

/** Nothing hangs past the limit: what was acknowledged is stored already, and leases that can't be given back run out. */
async function withinLimit(limitMs: number, close: () => Promise<void>): Promise<void> {
  const limit = new AbortController();
  const late = sleep(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Unavailable('SHUTDOWN_TIMED_OUT', `the process could not let go of its database and event bus within ${limitMs} ms`);
  });
  try {
    await Promise.race([close(), late]);
  } finally {
    limit.abort();
    late.catch(() => undefined);
  }
}
