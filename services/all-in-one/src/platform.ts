import { mkdir } from 'node:fs/promises';
import type { Type } from '@nestjs/common';
import { AbTestingModule } from '@q2/ab-testing';
import { startEmbeddedPostgres } from '@q2/database';
import { ModelRegistryModule } from '@q2/model-registry';
import { MonitoringModule } from '@q2/monitoring';
import { SchedulerModule } from '@q2/scheduler';
import { startProcess, type RunningProcess, type Stoppable } from '@q2/service-kit';
import { OperatorKeyService, TenantManagerModule, type OperatorKey } from '@q2/tenant-manager';
import { WorkflowOrchestratorModule } from '@q2/workflow-orchestrator';
import { ensureServiceKeys } from './service-keys.js';
import { platformSettings, type Home } from './settings.js';

/** All six services. */
export const platformModules: readonly Type[] = [
  TenantManagerModule,
  ModelRegistryModule,
  AbTestingModule,
  MonitoringModule,
  WorkflowOrchestratorModule,
  SchedulerModule,
];

const serviceNames = ['tenant-manager', 'model-registry', 'ab-testing', 'monitoring', 'workflow-orchestrator', 'scheduler'];

/** The whole platform in this process. */
export interface Platform extends Stoppable {
  readonly process: RunningProcess;
  readonly home: Home;
  readonly operatorKey: OperatorKey;
}

/**
 * Starts the six services in this process, over the embedded PostgreSQL or the server that DATABASE_URL names.
 *
 * @throws {DomainError | ConfigurationError} in one sentence why it cannot
 */
export async function startPlatform(environment: NodeJS.ProcessEnv = process.env): Promise<Platform> {
  const { settings, environment: complete, home } = platformSettings(environment);
  await mkdir(home.directory, { recursive: true });
  await ensureServiceKeys(settings.Q2_SERVICE_KEYS_DIRECTORY, serviceNames);
  const postgres = settings.DATABASE_URL === undefined ? await startEmbeddedPostgres({ directory: home.postgres }) : undefined;
  try {
    const databaseUrl = settings.DATABASE_URL ?? postgres?.url ?? '';
    // Nobody else can use the embedded server's folder, so what an earlier process held is this one's.
    const alone = postgres ? { member: 'all-in-one' } : {};
    const running = await startProcess({ name: 'q2', modules: platformModules, settings, environment: complete, databaseUrl, ...alone });
    const operatorKey = await running.get(OperatorKeyService).ensureOperatorKey(home.operatorKey);
    const stop = async () => {
      try {
        await running.stop();
      } finally {
        await postgres?.stop();
      }
    };
    return { process: running, home, operatorKey, stop };
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
}
