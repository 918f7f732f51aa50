import type { Type } from '@nestjs/common';
import { z } from 'zod';
import { configuration, ConfigurationError, processSettings, type ProcessSettings } from './configuration.js';
import { runProcess } from './run-process.js';
import { startProcess, type RunningProcess } from './start-process.js';

/** What makes a process of one service. */
export interface ServiceProcessOptions {
  readonly name: string;
  readonly module: Type;
  /** The service's own settings, checked together with those of every process. */
  readonly settings?: z.ZodObject;
  /** Settings with the addresses of the services that it calls: without them it would call itself. */
  readonly peers?: readonly Extract<keyof ProcessSettings, `${string}_ADDRESS`>[];
  /** True for tenant-manager, which waits for nobody's keys. */
  readonly issuesKeys?: boolean;
  /** Done once the service runs, before it says that it is ready. */
  readonly prepare?: (running: Pick<RunningProcess, 'get'>) => Promise<void>;
}

/** Runs one service as a process of its own, over the server that DATABASE_URL names. It waits for what it needs. */
export function runService(options: ServiceProcessOptions): Promise<void> {
  const { name, module, prepare, issuesKeys = false } = options;
  return runProcess(async (patience) => {
    const { settings, databaseUrl } = serviceSettings(options);
    return startProcess({ name, modules: [module], settings, databaseUrl, patience, issuesKeys, ...(prepare && { prepare }) });
  });
}

/**
 * Reads everything that a service's process is told, so that one message can name all that is wrong.
 *
 * @throws {ConfigurationError}
 */
export function serviceSettings(
  { settings: own, peers = [] }: Pick<ServiceProcessOptions, 'settings' | 'peers'>,
  environment: NodeJS.ProcessEnv = process.env,
): { settings: ProcessSettings; databaseUrl: string } {
  const missing = (['DATABASE_URL', ...peers] as const)
    .filter((setting) => !environment[setting])
    .map((setting) => `${setting}: must be set for a service in a process of its own`);
  const settings = read(missing, () => configuration(z.object({ ...own?.shape, ...processSettings.shape }), environment));
  const { DATABASE_URL: databaseUrl } = settings;
  if (databaseUrl === undefined || missing.length > 0) throw new ConfigurationError(missing);
  return { settings, databaseUrl };
}

function read<T>(missing: readonly string[], given: () => T): T {
  try {
    return given();
  } catch (error) {
    throw error instanceof ConfigurationError ? new ConfigurationError([...missing, ...error.problems]) : error;
  }
}
