export { WorkflowOrchestratorModule } from './workflow-orchestrator.module.js';
export { orchestratorSettings } from './settings.js';
export { workflowsSchema } from './workflows-schema.js';
