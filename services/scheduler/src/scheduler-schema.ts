import type { ServiceSchema } from '@q2/database';
import { CreateSchedules1764200000000 } from './schedules.migration.js';

/** What the scheduler keeps in PostgreSQL. */
export const schedulerSchema: ServiceSchema = { name: 'schedules', entities: [], migrations: [CreateSchedules1764200000000] };
