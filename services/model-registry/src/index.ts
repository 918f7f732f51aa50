export { ModelRegistryModule } from './model-registry.module.js';
export { registrySchema } from './registry.schema.js';
export { registrySettings } from './registry.settings.js';
