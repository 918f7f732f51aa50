export { OperatorKeyService, type OperatorKey } from './access/operator-key.service.js';
export { tenantsSchema } from './schema.js';
export { tenantManagerSettings } from './settings.js';
export { TenantManagerModule } from './tenant-manager.module.js';
