import { runService } from '@q2/service-kit';
import { TenantManagerModule } from './tenant-manager.module.js';

await runService('tenant-manager', TenantManagerModule);
