import type { ServiceSchema } from '@q2/database';
import { IndexOpenExecutions1764900000000 } from './executions/executions.migration.js';
import { AddJobs1765000000000 } from './jobs/jobs.migration.js';
import { CreateWorkflows1764300000000 } from './workflows.migration.js';

/** What the orchestrator keeps in PostgreSQL. Tables are read and written by set-based SQL, in the `-store.ts` files. */
export const workflowsSchema: ServiceSchema = {
  name: 'workflows',
  entities: [],
  migrations: [CreateWorkflows1764300000000, IndexOpenExecutions1764900000000, AddJobs1765000000000],
};

/** Channels that replicas tell each other on that something is due. */
export const channels = {
  /** An execution has become due. */
  executions: 'q2_workflows_executions',
  /** A task has become available. */
  tasks: 'q2_workflows_tasks',
  /** An execution's history has grown; the payload is its name. */
  history: 'q2_workflows_history',
} as const;
