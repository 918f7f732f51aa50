import type { ServiceSchema } from '@q2/database';
import { registryMigrations } from './registry.migration.js';

/** What the registry keeps in PostgreSQL. Tables are read and written by set-based SQL, in the `.store.ts` files. */
export const registrySchema: ServiceSchema = { name: 'models', entities: [], migrations: registryMigrations };
