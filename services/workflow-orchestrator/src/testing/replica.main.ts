// One more replica of the orchestrator, as a process of its own that a test can kill: node replica.main.js DATABASE_URL SETTINGS
import { startTestPlatform } from '@q2/testing';
import { WorkflowOrchestratorModule } from '../workflow-orchestrator.module.js';
import { NeighboursModule } from './neighbours.testing.js';

const [databaseUrl = '', settings = '{}'] = process.argv.slice(2);
const environment: Record<string, string> = JSON.parse(settings);
await startTestPlatform({ modules: [WorkflowOrchestratorModule, NeighboursModule], environment, databaseUrl });
process.send?.('ready');
// It must not outlive the test that started it.
process.on('disconnect', () => process.exit(1));
