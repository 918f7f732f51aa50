export type { BackgroundJob } from './background-job.js';
export type { PoolStatus } from './connection-pool.js';
export { crashPoint, crashPoints, type CrashPoint } from './crash-point.js';
export { Database, type DatabaseOptions } from './database.js';
export { isConnectionLoss, isUniqueViolation } from './database-errors.js';
export { migrate } from './migrate.js';
export { newId } from './new-id.js';
export { provisionService, type ServiceLogins } from './provision.js';
export type { EntityClass, MigrationClass, ServiceSchema } from './service-schema.js';
export {
  enableTenantIsolation,
  listTenantTables,
  type RowSource,
  type TenantIsolationOptions,
  type TenantTable,
} from './tenant-isolation.js';
export type { TransactionOptions, Tx } from './tx.js';
export {
  embeddedPostgresUrl,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded/embedded-postgres.js';
export { EmbeddedPostgresError, type EmbeddedPostgresReason } from './embedded/embedded-postgres-error.js';
