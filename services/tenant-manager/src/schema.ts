import type { ServiceSchema } from '@q2/database';
import { CreateAccess1764000000300 } from './access/access.migration.js';
import { CreateAuditLog1764000000400 } from './audit/audit.migration.js';
import { CreateQuotas1764000000200 } from './quotas/quotas.migration.js';
import { CreateTenants1764000000100 } from './tenants/tenants.migration.js';
import { CreateUsage1764000000500 } from './usage/usage.migration.js';

/** What tenant-manager keeps in PostgreSQL. */
export const tenantsSchema: ServiceSchema = {
  name: 'tenants',
  entities: [],
  migrations: [
    CreateTenants1764000000100,
    CreateQuotas1764000000200,
    CreateAccess1764000000300,
    CreateAuditLog1764000000400,
    CreateUsage1764000000500,
  ],
};
