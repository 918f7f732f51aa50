import { runService } from '@q2/service-kit';
import { WorkflowOrchestratorModule } from './workflow-orchestrator.module.js';

await runService('workflow-orchestrator', WorkflowOrchestratorModule);
