import { setTimeout as sleep } from 'node:timers/promises';
import { experimentsSchema } from '@q2/ab-testing';
import { migrate, provisionService, type ServiceSchema } from '@q2/database';
import { Unavailable } from '@q2/errors';
import { busSchema } from '@q2/events';
import { registrySchema } from '@q2/model-registry';
import { monitoringSchema } from '@q2/monitoring';
import { schedulerSchema } from '@q2/scheduler';
import { completeSchema } from '@q2/service-kit';
import { tenantsSchema } from '@q2/tenant-manager';
import { workflowsSchema } from '@q2/workflow-orchestrator';

/** Everything that the platform keeps in PostgreSQL. */
const platformSchemas: readonly ServiceSchema[] = [
  busSchema,
  ...[tenantsSchema, registrySchema, experimentsSchema, monitoringSchema, workflowsSchema, schedulerSchema].map(completeSchema),
];

export interface MigrationOptions {
  /** Told of each schema once it is as it must be. */
  readonly report: (sentence: string) => void;
  /** How long a server that does not answer is asked again. @default 60000 */
  readonly patienceMs?: number;
}

/**
 * Makes schemas, roles and tables of all services as this release needs them. What is there already stays; several at
 * once take turns, so that each migration runs once.
 *
 * @param adminUrl login that may create roles and schemas
 * @throws {DomainError} in one sentence why it cannot
 */
export async function migratePlatform(adminUrl: string, { report, patienceMs = 60_000 }: MigrationOptions): Promise<void> {
  const giveUpAtMs = Date.now() + patienceMs;
  for (const schema of platformSchemas) {
    const ran = await patiently(() => bringUpToDate(adminUrl, schema), giveUpAtMs);
    report(ran.length === 0 ? `schema ${schema.name} is up to date` : `schema ${schema.name}: ran ${ran.join(', ')}`);
  }
}

async function bringUpToDate(adminUrl: string, schema: ServiceSchema): Promise<string[]> {
  await provisionService(adminUrl, schema.name);
  return migrate(adminUrl, schema);
}

/** A server that is still starting is waited for; anything else is for people to mend. */
async function patiently<T>(work: () => Promise<T>, giveUpAtMs: number): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unavailable) || Date.now() >= giveUpAtMs) throw error;
      await sleep(500);
    }
  }
}
