import { monitoringSettings } from '@q2/monitoring';
import { registrySettings } from '@q2/model-registry';
import { configuration, processSettings, type ProcessSettings } from '@q2/service-kit';
import { tenantManagerSettings } from '@q2/tenant-manager';
import { orchestratorSettings } from '@q2/workflow-orchestrator';
import { join, resolve } from 'node:path';
import { z } from 'zod';

/** Where the platform of one process keeps everything. */
export interface Home {
  readonly directory: string;
  readonly postgres: string;
  readonly keys: string;
  readonly operatorKey: string;
  readonly artifacts: string;
  readonly log: string;
}

/** What the platform was told, and what follows from it. */
export interface PlatformSettings {
  readonly settings: ProcessSettings;
  /** The environment with all that is below the home. */
  readonly environment: NodeJS.ProcessEnv;
  readonly home: Home;
}

/** What the platform in one process can be told, besides what its parts can. */
export const homeSettings = z.object({
  Q2_HOME: z.string().min(1).default('.q2').describe('Folder that holds everything: database, artifacts, keys, logs'),
});

/** Everything that the services in this process read, so that one message can name all that is wrong. */
const everySetting = z.object({
  ...processSettings.shape,
  ...tenantManagerSettings.shape,
  ...registrySettings.shape,
  ...monitoringSettings.shape,
  ...orchestratorSettings.shape,
});

/** Settings of the whole platform in one process; what is not set is below Q2_HOME. */
export function platformSettings(environment: NodeJS.ProcessEnv = process.env): PlatformSettings {
  const { Q2_HOME } = configuration(homeSettings, environment);
  const home = homeOf(resolve(Q2_HOME));
  const belowHome = { Q2_SERVICE_KEYS_DIRECTORY: home.keys, Q2_ARTIFACTS_DIRECTORY: home.artifacts, LOG_FILE: home.log };
  const complete = { ...belowHome, ...given(environment) };
  return { settings: configuration(everySetting, complete), environment: complete, home };
}

function homeOf(directory: string): Home {
  return {
    directory,
    postgres: join(directory, 'postgres'),
    keys: join(directory, 'keys'),
    operatorKey: join(directory, 'operator.key'),
    artifacts: join(directory, 'artifacts'),
    log: join(directory, 'logs', 'q2.log'),
  };
}

/** An empty variable counts as unset, so it must not hide a default. */
function given(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}
