import type { Tx } from '@q2/database';
import type { Labels } from './series.js';

/** A series as points name it. */
export interface NamedSeries {
  readonly hash: string;
  readonly metric: string;
  readonly labels: Labels;
}

interface SeriesRow {
  readonly id: string;
  readonly hash: string;
  readonly is_fresh: boolean;
}

/** What `resolveSeries` needs to know besides the series. */
export interface Resolution {
  readonly tenant: string;
  readonly at: Date;
  readonly maxSeries: number;
}

/**
 * Finds the ids of series, creating those that are new as far as the tenant's limit allows; those beyond it are missing
 * from the answer. A series whose last record is more than a minute old is touched, which also keeps the retention job
 * from deleting it under the points that are about to be written.
 */
export async function resolveSeries(tx: Tx, wanted: readonly NamedSeries[], resolution: Resolution): Promise<Map<string, string>> {
  const known = await findSeries(tx, wanted, resolution);
  const fresh = new Map(known.filter((row) => row.is_fresh).map(({ hash, id }) => [hash, id]));
  const stale = new Set(known.filter((row) => !row.is_fresh).map(({ hash }) => hash));
  const unseen = wanted.filter(({ hash }) => !fresh.has(hash) && !stale.has(hash));
  const room = unseen.length === 0 ? 0 : resolution.maxSeries - (await countSeries(tx, resolution.tenant));
  const upserted = [...wanted.filter(({ hash }) => stale.has(hash)), ...unseen.slice(0, Math.max(0, room))];
  if (upserted.length === 0) return fresh;
  await upsertSeries(tx, upserted, resolution);
  const rows = await findSeries(tx, upserted, resolution);
  return new Map([...fresh, ...rows.map(({ hash, id }) => [hash, id] as const)]);
}

function findSeries(tx: Tx, wanted: readonly NamedSeries[], { tenant, at }: Resolution): Promise<SeriesRow[]> {
  return tx.query<SeriesRow>(
    `SELECT id, encode(hash, 'hex') AS hash, last_record_at > $3::timestamptz - interval '1 minute' AS is_fresh
     FROM series WHERE tenant_id = $1 AND hash IN (SELECT decode(unnest($2::text[]), 'hex'))`,
    [tenant, wanted.map(({ hash }) => hash), at.toISOString()],
  );
}

async function countSeries(tx: Tx, tenant: string): Promise<number> {
  const rows = await tx.query<{ count: string }>('SELECT count(*) FROM series WHERE tenant_id = $1', [tenant]);
  return rows.reduce((sum, { count }) => sum + Number(count), 0);
}

/** In the order of hashes, so that concurrent batches with the same new series wait for each other and never deadlock. */
async function upsertSeries(tx: Tx, series: readonly NamedSeries[], { tenant, at }: Resolution): Promise<void> {
  await tx.execute(
    `INSERT INTO series (tenant_id, hash, metric, labels, created_at, last_record_at)
     SELECT $1, decode(hash, 'hex'), metric, labels::jsonb, $5::timestamptz, $5::timestamptz
     FROM unnest($2::text[], $3::text[], $4::text[]) AS named(hash, metric, labels) ORDER BY hash
     ON CONFLICT (tenant_id, hash) DO UPDATE SET last_record_at = greatest(series.last_record_at, excluded.last_record_at)`,
    [
      tenant,
      series.map(({ hash }) => hash),
      series.map(({ metric }) => metric),
      series.map(({ labels }) => JSON.stringify(labels)),
      at.toISOString(),
    ],
  );
}
