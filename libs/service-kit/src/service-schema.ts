import type { ServiceSchema } from '@q2/database';
import { outboxMigrations } from '@q2/events';
import { QuotaDebts1760000000400 } from './quotas/quota-debts.migration.js';
import { RequestLog1760000000300 } from './requests/request-log.migration.js';
import { TenantDirectory1760000000200 } from './tenants/tenant-directory.migration.js';

/** All that a service's schema holds: its own tables, and those that every service has for events, requests and tenants. */
export function completeSchema(schema: ServiceSchema): ServiceSchema {
  const shared = [...outboxMigrations, TenantDirectory1760000000200, RequestLog1760000000300, QuotaDebts1760000000400];
  return { ...schema, migrations: [...shared, ...schema.migrations] };
}
