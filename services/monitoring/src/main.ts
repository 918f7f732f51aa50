import { runService } from '@q2/service-kit';
import { MonitoringModule } from './monitoring.module.js';
import { monitoringSettings } from './settings.js';

await runService({ name: 'monitoring', module: MonitoringModule, settings: monitoringSettings, peers: ['TENANT_MANAGER_ADDRESS'] });
