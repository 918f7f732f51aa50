import type { Tx } from '@q2/database';
import { experiments } from '@q2/contracts';
import type { Metric } from '../experiments/experiment.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';

const { MetricKind, UnitValue } = experiments;

/** An exposure to store. */
export interface ExposureToStore {
  readonly id: string;
  readonly unitId: string;
  readonly variant: string;
  readonly at: string;
}

/** An outcome to store. */
export interface OutcomeToStore {
  readonly id: string;
  readonly unitId: string;
  readonly metric: string;
  readonly value: number;
  readonly at: string;
}

/** What a batch changed. */
export interface Folded {
  /** Events that were not stored before. */
  readonly accepted: number;
  /** Change of the number of units with outcomes that have no exposure. */
  readonly waiting: number;
}

interface FoldedRow {
  readonly accepted: string;
  readonly waiting: string;
}

/** How several outcomes of a unit become its value, and whether a unit without any counts as zero. */
function unitRules(metrics: readonly Metric[]): string {
  const rules = metrics.map(({ id, kind, unitValue }) => {
    const rule = kind === MetricKind.PROPORTION ? 'ANY' : unitValue === UnitValue.TOTAL ? 'TOTAL' : 'AVERAGE';
    return { metric: id, rule, counts_all: rule !== 'AVERAGE' };
  });
  return JSON.stringify(rules);
}

/** Adds changes to the sufficient statistics: one row per variant and metric, whatever the number of units. */
const ADD_TO_STATISTICS = `
  INSERT INTO variant_statistics AS known (tenant_id, experiment_id, metric, variant, units, sum, sum_of_squares)
  SELECT $1, $2, metric, variant, sum(units), sum(value), sum(square) FROM changes GROUP BY metric, variant ORDER BY metric, variant
  ON CONFLICT (tenant_id, experiment_id, metric, variant) DO UPDATE SET
    units = known.units + excluded.units, sum = known.sum + excluded.sum, sum_of_squares = known.sum_of_squares + excluded.sum_of_squares`;

/**
 * One statement: the exposures are stored, each unit's first exposure is found, and where a unit is new or turns out to
 * have met another variant first, its values move (−1 from the old variant, +1 to the new).
 */
const FOLD_EXPOSURES = `
  WITH rules AS (SELECT * FROM jsonb_to_recordset($4::jsonb) AS r(metric text, rule text, counts_all boolean)),
  fresh AS (
    INSERT INTO exposures (tenant_id, experiment_id, id, unit_id, variant, exposed_at)
    SELECT $1, $2, e.id, e."unitId", e.variant, e.at
    FROM jsonb_to_recordset($3::jsonb) AS e(id text, "unitId" text, variant text, at timestamptz)
    ORDER BY e.id
    ON CONFLICT DO NOTHING RETURNING id, unit_id, variant, exposed_at),
  first_met AS (
    SELECT DISTINCT ON (unit_id) unit_id, variant, exposed_at, id,
      min(variant) OVER (PARTITION BY unit_id) <> max(variant) OVER (PARTITION BY unit_id) AS met_several
    FROM fresh ORDER BY unit_id, exposed_at, id),
  before AS (
    SELECT u.unit_id, u.variant, u.met_several FROM units u JOIN first_met f ON f.unit_id = u.unit_id
    WHERE u.tenant_id = $1 AND u.experiment_id = $2),
  after AS (
    INSERT INTO units AS known (tenant_id, experiment_id, unit_id, variant, exposed_at, exposure_id, met_several)
    SELECT $1, $2, unit_id, variant, exposed_at, id, met_several FROM first_met
    ON CONFLICT (tenant_id, experiment_id, unit_id) DO UPDATE SET
      met_several = known.met_several OR excluded.met_several OR known.variant <> excluded.variant,
      (variant, exposed_at, exposure_id) = (
        SELECT v, t, i
        FROM (VALUES (known.variant, known.exposed_at, known.exposure_id), (excluded.variant, excluded.exposed_at, excluded.exposure_id))
          AS met(v, t, i)
        ORDER BY t, i LIMIT 1)
    RETURNING unit_id, variant, met_several),
  moves AS (
    SELECT unit_id, variant, met_several, 1 AS sign FROM after
    UNION ALL SELECT unit_id, variant, met_several, -1 FROM before),
  counted AS (
    INSERT INTO variant_units AS known (tenant_id, experiment_id, variant, units, multiply_exposed)
    SELECT $1, $2, variant, sum(sign), sum(sign * met_several::integer) FROM moves GROUP BY variant ORDER BY variant
    ON CONFLICT (tenant_id, experiment_id, variant) DO UPDATE SET
      units = known.units + excluded.units, multiply_exposed = known.multiply_exposed + excluded.multiply_exposed),
  held AS (
    SELECT v.unit_id, v.metric, v.value FROM unit_values v JOIN first_met f ON f.unit_id = v.unit_id
    WHERE v.tenant_id = $1 AND v.experiment_id = $2),
  changes AS (
    SELECT r.metric, m.variant, m.sign AS units, m.sign * coalesce(h.value, 0) AS value, m.sign * coalesce(h.value * h.value, 0) AS square
    FROM moves m CROSS JOIN rules r LEFT JOIN held h ON h.unit_id = m.unit_id AND h.metric = r.metric
    WHERE h.value IS NOT NULL OR r.counts_all),
  folded AS (${ADD_TO_STATISTICS})
  SELECT (SELECT count(*) FROM fresh) AS accepted,
    -(SELECT count(DISTINCT h.unit_id) FROM held h WHERE NOT EXISTS (SELECT FROM before b WHERE b.unit_id = h.unit_id)) AS waiting`;

/**
 * One statement: the outcomes are stored, the units' values are computed anew from their counts and sums, and the
 * difference to what they were goes to the statistics of the units that are exposed. The others wait.
 */
const FOLD_OUTCOMES = `
  WITH rules AS (SELECT * FROM jsonb_to_recordset($4::jsonb) AS r(metric text, rule text, counts_all boolean)),
  fresh AS (
    INSERT INTO outcomes (tenant_id, experiment_id, id, unit_id, metric, value, happened_at)
    SELECT $1, $2, o.id, o."unitId", o.metric, o.value, o.at
    FROM jsonb_to_recordset($3::jsonb) AS o(id text, "unitId" text, metric text, value numeric, at timestamptz)
    ORDER BY o.id
    ON CONFLICT DO NOTHING RETURNING unit_id, metric, value),
  added AS (SELECT unit_id, metric, count(*) AS outcomes, sum(value) AS sum FROM fresh GROUP BY unit_id, metric),
  totals AS (
    SELECT a.unit_id, a.metric, v.value AS before, coalesce(v.outcomes, 0) + a.outcomes AS outcomes, coalesce(v.sum, 0) + a.sum AS sum
    FROM added a LEFT JOIN unit_values v ON v.tenant_id = $1 AND v.experiment_id = $2 AND v.unit_id = a.unit_id AND v.metric = a.metric),
  valued AS (
    SELECT t.*, r.counts_all, CASE r.rule WHEN 'ANY' THEN least(t.sum, 1) WHEN 'TOTAL' THEN t.sum ELSE t.sum / t.outcomes END AS value
    FROM totals t JOIN rules r ON r.metric = t.metric),
  kept AS (
    INSERT INTO unit_values (tenant_id, experiment_id, unit_id, metric, outcomes, sum, value)
    SELECT $1, $2, unit_id, metric, outcomes, sum, value FROM valued ORDER BY unit_id, metric
    ON CONFLICT (tenant_id, experiment_id, unit_id, metric) DO UPDATE SET
      outcomes = excluded.outcomes, sum = excluded.sum, value = excluded.value),
  changes AS (
    SELECT v.metric, u.variant, (v.before IS NULL AND NOT v.counts_all)::integer AS units,
      v.value - coalesce(v.before, 0) AS value, v.value * v.value - coalesce(v.before * v.before, 0) AS square
    FROM valued v JOIN units u ON u.tenant_id = $1 AND u.experiment_id = $2 AND u.unit_id = v.unit_id),
  folded AS (${ADD_TO_STATISTICS})
  SELECT (SELECT count(*) FROM fresh) AS accepted,
    (SELECT count(DISTINCT a.unit_id) FROM added a
     WHERE NOT EXISTS (SELECT FROM units u WHERE u.tenant_id = $1 AND u.experiment_id = $2 AND u.unit_id = a.unit_id)
       AND NOT EXISTS (SELECT FROM unit_values v WHERE v.tenant_id = $1 AND v.experiment_id = $2 AND v.unit_id = a.unit_id)) AS waiting`;

/** A batch for one experiment, which the transaction holds locked: batches of one experiment come one after the other. */
export interface Batch<Item> {
  readonly key: ExperimentKey;
  readonly metrics: readonly Metric[];
  /** Each id once. */
  readonly items: readonly Item[];
}

/** Stores exposures not stored before, and folds them into the statistics. */
export function foldExposures(tx: Tx, batch: Batch<ExposureToStore>): Promise<Folded> {
  return fold(tx, FOLD_EXPOSURES, batch);
}

/** Stores outcomes not stored before, and folds them into the statistics. */
export function foldOutcomes(tx: Tx, batch: Batch<OutcomeToStore>): Promise<Folded> {
  return fold(tx, FOLD_OUTCOMES, batch);
}

async function fold(tx: Tx, statement: string, { key, metrics, items }: Batch<ExposureToStore | OutcomeToStore>): Promise<Folded> {
  const [row] = await tx.query<FoldedRow>(statement, [key.tenant, key.id, JSON.stringify(items), unitRules(metrics)]);
  const folded = { accepted: Number(row?.accepted ?? 0), waiting: Number(row?.waiting ?? 0) };
  if (folded.accepted > 0) {
    await tx.execute('UPDATE experiments SET has_new_data = true, waiting_units = waiting_units + $3 WHERE tenant_id = $1 AND id = $2', [
      key.tenant,
      key.id,
      folded.waiting,
    ]);
  }
  return folded;
}
