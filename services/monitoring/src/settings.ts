import { configuration, wholeNumber } from '@q2/service-kit';
import { z } from 'zod';

/** What monitoring can be told, as environment variables. */
export const monitoringSettings = z.object({
  MONITORING_RETENTION_DAYS: wholeNumber({ min: 1, max: 3_650, fallback: 30 }).describe('Days that metric points are kept'),
  MONITORING_MAX_SERIES: wholeNumber({ min: 1, max: 10_000_000, fallback: 100_000 }).describe('Series that one tenant may have'),
  MONITORING_MAX_POINTS_READ: wholeNumber({ min: 1_000, max: 100_000_000, fallback: 2_000_000 }).describe('Points that one query may read'),
});

const dayMs = 86_400_000;

/** The settings as read, for injection. */
export class MonitoringSettings {
  readonly retentionMs: number;
  readonly maxSeries: number;
  readonly maxPointsRead: number;

  /** @throws {ConfigurationError} naming every variable that is wrong */
  constructor(environment: NodeJS.ProcessEnv) {
    const given = configuration(monitoringSettings, environment);
    this.retentionMs = given.MONITORING_RETENTION_DAYS * dayMs;
    this.maxSeries = given.MONITORING_MAX_SERIES;
    this.maxPointsRead = given.MONITORING_MAX_POINTS_READ;
  }
}
