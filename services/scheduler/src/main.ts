import { runService } from '@q2/service-kit';
import { SchedulerModule } from './scheduler.module.js';

await runService('scheduler', SchedulerModule);
