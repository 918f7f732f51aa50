export { SchedulerModule } from './scheduler.module.js';
export { schedulerSchema } from './scheduler-schema.js';
