import { runService } from '@q2/service-kit';
import { AbTestingModule } from './ab-testing.module.js';

await runService({ name: 'ab-testing', module: AbTestingModule, peers: ['TENANT_MANAGER_ADDRESS'] });
