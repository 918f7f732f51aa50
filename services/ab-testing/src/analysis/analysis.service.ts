import { Inject, Injectable } from '@nestjs/common';
import type { experiments } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Clock } from '@q2/service-kit';
import type { ExperimentRow } from '../experiments/experiment.entity.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { getExperiment } from '../experiments/experiments.service.js';
import { experimentOf } from '../experiments/stored-experiment.js';
import { analyse } from './analyse.js';
import { readCollectedData } from './collected-data.store.js';

/** Says what the data of an experiment shows. */
@Injectable()
export class AnalysisService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** @throws {NotFound} EXPERIMENT_NOT_FOUND */
  results(key: ExperimentKey): Promise<experiments.Results> {
    return this.database.inTenant(key.tenant, async (tx) => this.analyse(tx, await getExperiment(tx, key)));
  }

  /** The results of an experiment already read. */
  async analyse(tx: Tx, row: ExperimentRow): Promise<experiments.Results> {
    const data = await readCollectedData(tx, { tenant: row.tenantId, id: row.id });
    return analyse(experimentOf(row), data, this.clock.now());
  }
}
