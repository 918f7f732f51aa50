import type { Aggregation, RangeQuery } from './range.js';
import type { LabelMatcher } from './series.js';

/** `avg` of PostgreSQL also sums squares, which overflow sooner than the sum does. */
const expressions: Readonly<Record<Aggregation, string>> = {
  AVERAGE: 'sum(value) / count(*)',
  SUM: 'sum(value)',
  MINIMUM: 'min(value)',
  MAXIMUM: 'max(value)',
  COUNT: 'count(*)::double precision',
  RATE: 'sum(value) * 1000 / $6::numeric::double precision',
  P50: 'percentile_cont(0.5) WITHIN GROUP (ORDER BY value)',
  P95: 'percentile_cont(0.95) WITHIN GROUP (ORDER BY value)',
  P99: 'percentile_cont(0.99) WITHIN GROUP (ORDER BY value)',
};

/** SQL that holds where a row of `series` matches the matchers in the JSON parameter named. A missing label is the empty text. */
export function matchesAll(parameter: string): string {
  return `NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(${parameter}::jsonb) AS matcher(label text, "isEqual" boolean, value text)
      WHERE (coalesce(series.labels ->> matcher.label, '') = matcher.value) <> matcher."isEqual")`;
}

/** Matchers as the JSON that `matchesAll` reads. */
export function matchersJson(matchers: readonly LabelMatcher[]): string {
  return JSON.stringify(matchers);
}

/** One window of one group, with the number of points read for the whole answer. */
export interface RangeRow {
  readonly labels: Record<string, string>;
  readonly window_index: number;
  readonly value: number;
  readonly points: number;
  readonly points_read: number;
}

/** The bounds of an answer. */
export interface RangeLimits {
  readonly maxPointsRead: number;
  readonly maxSamples: number;
}

/**
 * The statement that answers a range query, and its parameters. It reads and returns one row more than the limits
 * allow, so that the caller sees that they were passed without the work being unbounded.
 */
export function rangeStatement(tenant: string, query: RangeQuery, limits: RangeLimits): { sql: string; params: unknown[] } {
  const sql = `
    WITH chosen AS (
      SELECT id, (SELECT coalesce(jsonb_object_agg(label, coalesce(series.labels ->> label, '')), '{}')
                  FROM unnest($4::text[]) AS label) AS group_labels
      FROM series WHERE tenant_id = $1 AND metric = $2 AND ${matchesAll('$3')}
    ), read AS (
      SELECT chosen.group_labels, points.value, floor(extract(epoch FROM points.measured_at - $5::timestamptz) * 1000 / $6::numeric)::integer AS window_index
      FROM chosen
      LEFT JOIN jsonb_to_recordset($8::jsonb) AS reset(labels jsonb, at timestamptz) ON reset.labels = chosen.group_labels
      JOIN points ON points.tenant_id = $1 AND points.series_id = chosen.id AND points.measured_at >= $5 AND points.measured_at < $7
      WHERE reset.at IS NULL OR points.measured_at > reset.at
      LIMIT $9
    )
    SELECT group_labels AS labels, window_index, ${expressions[query.aggregation]} AS value, count(*)::integer AS points,
           (sum(count(*)) OVER ())::integer AS points_read
    FROM read GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $10`;
  const params = [
    tenant,
    query.metric,
    matchersJson(query.matchers),
    [...query.groupBy],
    query.start.toISOString(),
    query.windowMs,
    query.end.toISOString(),
    JSON.stringify(query.notBefore ?? []),
    limits.maxPointsRead + 1,
    limits.maxSamples + 1,
  ];
  return { sql, params };
}
