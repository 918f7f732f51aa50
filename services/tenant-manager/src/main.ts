import { configuration, runService } from '@q2/service-kit';
import { OperatorKeyService } from './access/operator-key.service.js';
import { tenantManagerSettings } from './settings.js';
import { TenantManagerModule } from './tenant-manager.module.js';

await runService({
  name: 'tenant-manager',
  module: TenantManagerModule,
  settings: tenantManagerSettings,
  issuesKeys: true,
  prepare: async (running) => {
    const { Q2_OPERATOR_KEY_FILE: file } = configuration(tenantManagerSettings);
    if (file !== undefined) await running.get(OperatorKeyService).ensureOperatorKey(file);
  },
});
