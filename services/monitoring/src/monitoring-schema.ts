import type { ServiceSchema } from '@q2/database';
import { AlertRow } from './alerts/alert.entity.js';
import { CreateAlerts1764100002000 } from './alerts/alerts.migration.js';
import { CreateMetrics1764100000000 } from './metrics/metrics.migration.js';
import { MonitorRow } from './monitors/monitor.entity.js';
import { CreateMonitors1764100001000 } from './monitors/monitors.migration.js';

/** What monitoring keeps in PostgreSQL. */
export const monitoringSchema: ServiceSchema = {
  name: 'monitoring',
  entities: [MonitorRow, AlertRow],
  migrations: [CreateMetrics1764100000000, CreateMonitors1764100001000, CreateAlerts1764100002000],
};
