import type { Tx } from '@q2/database';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { metricKey, type CollectedData, type MetricData } from './collected-data.js';

interface UnitsRow {
  readonly variant: string;
  readonly units: string;
  readonly multiplyExposed: string;
}

interface StatisticsRow {
  readonly metric: string;
  readonly variant: string;
  readonly units: string;
  readonly sum: string;
  /** units · Σx² − (Σx)², exact. */
  readonly scaledDeviations: string;
}

/** Reads the sufficient statistics of an experiment: a row per variant and metric. */
export async function readCollectedData(tx: Tx, { tenant, id }: ExperimentKey): Promise<CollectedData> {
  const units = await tx.query<UnitsRow>(
    'SELECT variant, units, multiply_exposed AS "multiplyExposed" FROM variant_units WHERE tenant_id = $1 AND experiment_id = $2',
    [tenant, id],
  );
  const statistics = await tx.query<StatisticsRow>(
    `SELECT metric, variant, units, sum, units * sum_of_squares - sum * sum AS "scaledDeviations"
     FROM variant_statistics WHERE tenant_id = $1 AND experiment_id = $2 AND units > 0`,
    [tenant, id],
  );
  const [experiment] = await tx.query<{ waiting: string }>(
    'SELECT waiting_units AS waiting FROM experiments WHERE tenant_id = $1 AND id = $2',
    [tenant, id],
  );
  return {
    units: new Map(units.map((row) => [row.variant, Number(row.units)])),
    multiplyExposedUnits: units.reduce((total, row) => total + Number(row.multiplyExposed), 0),
    waitingUnits: Number(experiment?.waiting ?? 0),
    metrics: new Map(statistics.map((row) => [metricKey(row.metric, row.variant), metricDataOf(row)])),
  };
}

function metricDataOf(row: StatisticsRow): MetricData {
  const [count, sum] = [Number(row.units), Number(row.sum)];
  return { sum, moments: { count, mean: sum / count, squaredDeviations: Number(row.scaledDeviations) / count } };
}
