import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { OutOfRange } from '@q2/errors';
import { MonitoringSettings } from '../settings.js';
import type { AdmittedPoint, Rejection } from './admission.js';
import { maxSamples, type RangeQuery } from './range.js';
import { matchersJson, matchesAll, rangeStatement, type RangeRow } from './range-query.js';
import { resolveSeries, type NamedSeries } from './series-directory.js';
import { labelsKey, seriesHash } from './series.js';
import type { MetricRecord, Page, Sample, SeriesFilter, SeriesRecord, TimeSeries, TimeSeriesStore, Written } from './time-series.port.js';

/** Points that one call of `forget` deletes. */
const forgetChunk = 20_000;

/** Keeps points in the service's own PostgreSQL schema, in the transaction of the caller. */
@Injectable()
export class PostgresTimeSeries implements TimeSeriesStore {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(MonitoringSettings) private readonly settings: MonitoringSettings,
  ) {}

  write(tenant: string, points: readonly AdmittedPoint[], at: Date): Promise<Written> {
    const hashes = points.map((point) => seriesHash(point.metric, point.labels));
    const wanted = new Map<string, NamedSeries>();
    points.forEach(({ metric, labels }, place) => {
      const hash = hashes[place] ?? '';
      wanted.set(hash, { hash, metric, labels });
    });
    return this.database.inTenant(tenant, async (tx) => {
      const { maxSeries } = this.settings;
      const ids = await resolveSeries(tx, [...wanted.values()], { tenant, at, maxSeries });
      const placed = points.map((point, place) => ({ point, seriesId: ids.get(hashes[place] ?? '') }));
      const stored = placed.filter(({ seriesId }) => seriesId !== undefined);
      const refused = placed.filter(({ seriesId }) => seriesId === undefined);
      await insertPoints(tx, tenant, stored);
      return { accepted: stored.length, rejections: refused.map(({ point }) => tooManySeries(point.index, maxSeries)) };
    });
  }

  async query(tenant: string, query: RangeQuery): Promise<TimeSeries[]> {
    const { maxPointsRead } = this.settings;
    const { sql, params } = rangeStatement(tenant, query, { maxPointsRead, maxSamples });
    const rows = await this.database.inTenant(tenant, (tx) => tx.query<RangeRow>(sql, params));
    checkBounds(rows, maxPointsRead);
    return toTimeSeries(rows, query);
  }

  async listSeries(tenant: string, filter: SeriesFilter, { after, limit }: Page): Promise<SeriesRecord[]> {
    const rows = await this.database.inTenant(tenant, (tx) =>
      tx.query<{ id: string; metric: string; labels: Record<string, string>; created_at: Date; last_record_at: Date }>(
        `SELECT id, metric, labels, created_at, last_record_at FROM series
         WHERE tenant_id = $1 AND metric = $2 AND ${matchesAll('$3')} AND id > $4::bigint ORDER BY id LIMIT $5`,
        [tenant, filter.metric, matchersJson(filter.matchers), after ?? '0', limit],
      ),
    );
    return rows.map(({ id, metric, labels, created_at: createdAt, last_record_at: lastRecordAt }) => ({
      id,
      metric,
      labels,
      createdAt,
      lastRecordAt,
    }));
  }

  listMetrics(tenant: string, { after, limit }: Page): Promise<MetricRecord[]> {
    return this.database.inTenant(tenant, (tx) =>
      tx.query<MetricRecord>(
        `SELECT metric, count(*)::integer AS series FROM series
         WHERE tenant_id = $1 AND metric > $2 COLLATE "C" GROUP BY metric ORDER BY metric COLLATE "C" LIMIT $3`,
        [tenant, after ?? '', limit],
      ),
    );
  }

  forget(before: Date): Promise<number> {
    return this.database.acrossTenants('metric-retention', async (tx) => {
      const points = await tx.execute(
        `DELETE FROM points WHERE (tenant_id, series_id, measured_at, id) IN
           (SELECT tenant_id, series_id, measured_at, id FROM points WHERE measured_at < $1 LIMIT $2)`,
        [before.toISOString(), forgetChunk],
      );
      if (points === 0) await tx.execute('DELETE FROM series WHERE last_record_at < $1', [before.toISOString()]);
      return points;
    });
  }
}

async function insertPoints(
  tx: Tx,
  tenant: string,
  stored: readonly { point: AdmittedPoint; seriesId: string | undefined }[],
): Promise<void> {
  await tx.execute(
    `INSERT INTO points (tenant_id, series_id, measured_at, value)
     SELECT $1, series_id, measured_at, value FROM unnest($2::bigint[], $3::timestamptz[], $4::double precision[]) AS point(series_id, measured_at, value)`,
    [
      tenant,
      stored.map(({ seriesId }) => seriesId),
      stored.map(({ point }) => point.at.toISOString()),
      stored.map(({ point }) => point.value),
    ],
  );
}

function tooManySeries(index: number, maxSeries: number): Rejection {
  return {
    index,
    reason: 'TOO_MANY_SERIES',
    message: `the tenant has the ${maxSeries} series it may have; its labels would make a new one`,
  };
}

function checkBounds(rows: readonly RangeRow[], maxPointsRead: number): void {
  if ((rows[0]?.points_read ?? 0) > maxPointsRead)
    throw new OutOfRange('TOO_MANY_POINTS', `the range holds more than ${maxPointsRead} points; ask for a shorter range or fewer series`);
  if (rows.length > maxSamples)
    throw new OutOfRange('TOO_MANY_SAMPLES', `the answer has more than ${maxSamples} samples; ask for longer windows or fewer groups`);
}

function toTimeSeries(rows: readonly RangeRow[], query: RangeQuery): TimeSeries[] {
  const groups = new Map<string, { labels: Record<string, string>; samples: Sample[] }>();
  for (const { labels, window_index: window, value, points } of rows) {
    const key = labelsKey(labels);
    const group = groups.get(key) ?? { labels, samples: [] };
    group.samples.push({ at: new Date(query.start.getTime() + window * query.windowMs), value, points });
    groups.set(key, group);
  }
  return [...groups.values()];
}
