import { runService } from '@q2/service-kit';
import { ModelRegistryModule } from './model-registry.module.js';
import { registrySettings } from './registry.settings.js';

await runService({
  name: 'model-registry',
  module: ModelRegistryModule,
  settings: registrySettings,
  peers: ['TENANT_MANAGER_ADDRESS'],
});
