import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { Clock } from '@q2/service-kit';
import { MonitoringSettings } from '../settings.js';
import { admit, type AdmittedPoint, type Point, type Rejection } from './admission.js';
import { checkRange, type RangeQuery } from './range.js';
import { TimeSeriesStore, type TimeSeries } from './time-series.port.js';

/** PostgreSQL channel on which each new point of a monitored metric is told, as `tenant metric`. */
export const pointsChannel = 'q2_monitoring_points';

/** Points that arrived together, under an id that makes sending them again harmless. */
export interface Batch {
  readonly id: string;
  readonly points: readonly Point[];
}

/** What became of a batch. */
export interface Recorded {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejections: readonly Rejection[];
}

/** Takes points in and reads them. */
@Injectable()
export class MetricsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TimeSeriesStore) private readonly store: TimeSeriesStore,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(MonitoringSettings) private readonly settings: MonitoringSettings,
  ) {}

  /** Stores a batch whole, once: the row that remembers it commits with its points. */
  record(tenant: string, batch: Batch): Promise<Recorded> {
    return this.database.inTenant(tenant, async (tx) => {
      const now = this.clock.now();
      if (!(await remember(tx, tenant, { id: batch.id, now }))) return { accepted: 0, duplicates: batch.points.length, rejections: [] };
      const { admitted, rejections } = admit(batch.points, { now, retentionMs: this.settings.retentionMs });
      const written = await this.store.write(tenant, admitted, now);
      await tellMonitors(tx, tenant, admitted);
      return { accepted: written.accepted, duplicates: 0, rejections: [...rejections, ...written.rejections] };
    });
  }

  /**
   * @throws {InvalidArgument} where the range is backwards or has too many windows
   * @throws {OutOfRange} TOO_MANY_POINTS, TOO_MANY_SAMPLES
   */
  async query(tenant: string, query: RangeQuery): Promise<TimeSeries[]> {
    checkRange(query);
    return this.store.query(tenant, query);
  }
}

async function remember(tx: Tx, tenant: string, batch: { id: string; now: Date }): Promise<boolean> {
  const params = [tenant, batch.id, batch.now.toISOString()];
  return (await tx.execute('INSERT INTO batches (tenant_id, id, received_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', params)) === 1;
}

/** Wakes the evaluation of the monitors that read these metrics, once this transaction commits; metrics without any are silent. */
async function tellMonitors(tx: Tx, tenant: string, points: readonly AdmittedPoint[]): Promise<void> {
  const metrics = [...new Set(points.map(({ metric }) => metric))];
  await tx.query(
    `SELECT pg_notify($1, $2 || ' ' || metric) FROM (SELECT DISTINCT metric FROM monitors WHERE tenant_id = $2 AND metric = ANY($3)) AS monitored`,
    [pointsChannel, tenant, metrics],
  );
}
