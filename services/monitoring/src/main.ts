import { runService } from '@q2/service-kit';
import { MonitoringModule } from './monitoring.module.js';

await runService('monitoring', MonitoringModule);
