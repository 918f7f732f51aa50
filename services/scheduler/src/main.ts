import { runService } from '@q2/service-kit';
import { SchedulerModule } from './scheduler.module.js';

await runService({
  name: 'scheduler',
  module: SchedulerModule,
  peers: ['TENANT_MANAGER_ADDRESS', 'WORKFLOW_ORCHESTRATOR_ADDRESS'],
});
