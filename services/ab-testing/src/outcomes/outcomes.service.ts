import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import type { Experiment } from '../experiments/experiment.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { findLocked } from '../experiments/experiments.service.js';
import { experimentOf } from '../experiments/stored-experiment.js';
import { foldExposures, foldOutcomes, type Batch, type ExposureToStore, type Folded, type OutcomeToStore } from './fold.store.js';
import { screenExposures, screenOutcomes, type DataTarget, type Rejection, type Screened } from './screening.js';

/** What became of a batch. */
export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejections: readonly Rejection[];
}

/** Takes what happened to units. A batch is stored as a whole or not at all, each id once. */
@Injectable()
export class OutcomesService {
  constructor(@Inject(Database) private readonly database: Database) {}

  recordExposures(key: ExperimentKey, exposures: readonly ExposureToStore[]): Promise<Receipt> {
    return this.record(key, (target) => screenExposures(target, exposures), foldExposures);
  }

  recordOutcomes(key: ExperimentKey, outcomes: readonly OutcomeToStore[]): Promise<Receipt> {
    return this.record(key, (target) => screenOutcomes(target, outcomes), foldOutcomes);
  }

  private record<Item>(
    key: ExperimentKey,
    screen: (target: DataTarget) => Screened<Item>,
    fold: (tx: Tx, batch: Batch<Item>) => Promise<Folded>,
  ): Promise<Receipt> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const row = await findLocked(tx, key);
      const experiment: Experiment | undefined = row ? experimentOf(row) : undefined;
      const { usable, repeated, rejections } = screen(row && experiment ? { state: row.state, experiment } : undefined);
      if (!experiment || usable.length === 0) return { accepted: 0, duplicates: repeated, rejections };
      const { accepted } = await fold(tx, { key, metrics: experiment.metrics, items: usable });
      return { accepted, duplicates: repeated + usable.length - accepted, rejections };
    });
  }
}
