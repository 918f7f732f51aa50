import { runService } from '@q2/service-kit';
import { orchestratorSettings } from './settings.js';
import { WorkflowOrchestratorModule } from './workflow-orchestrator.module.js';

await runService({
  name: 'workflow-orchestrator',
  module: WorkflowOrchestratorModule,
  settings: orchestratorSettings,
  peers: ['TENANT_MANAGER_ADDRESS', 'MODEL_REGISTRY_ADDRESS', 'AB_TESTING_ADDRESS', 'MONITORING_ADDRESS'],
});
