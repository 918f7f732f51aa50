import { runService } from '@q2/service-kit';
import { ModelRegistryModule } from './model-registry.module.js';

await runService('model-registry', ModelRegistryModule);
