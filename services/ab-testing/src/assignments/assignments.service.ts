import { Inject, Injectable } from '@nestjs/common';
import type { Splitter } from '@q2/bucketing';
import { splitterOf, type Experiment } from '../experiments/experiment.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { ExperimentsService } from '../experiments/experiments.service.js';
import { experimentOf } from '../experiments/stored-experiment.js';
import { assign, type Assigned, type UnitToAssign } from './assign.js';

/** Prepared splits that are kept; the oldest goes first. */
const KEPT_SPLITS = 1_000;

/** Assigns units of stored experiments. Nothing is written: the answer follows from the experiment and the unit. */
@Injectable()
export class AssignmentsService {
  private readonly splits = new Map<string, Splitter>();

  constructor(@Inject(ExperimentsService) private readonly experiments: ExperimentsService) {}

  /** @throws {NotFound} EXPERIMENT_NOT_FOUND */
  async assign(key: ExperimentKey, units: readonly UnitToAssign[]): Promise<Assigned[]> {
    const experiment = experimentOf(await this.experiments.get(key));
    const split = this.splitOf(experiment);
    return units.map((unit) => assign(experiment, split, unit));
  }

  private splitOf(experiment: Experiment): Splitter {
    const version = `${experiment.name}@${experiment.etag}`;
    const known = this.splits.get(version);
    if (known) return known;
    const split = splitterOf(experiment);
    for (const oldest of this.splits.keys()) {
      if (this.splits.size < KEPT_SPLITS) break;
      this.splits.delete(oldest);
    }
    this.splits.set(version, split);
    return split;
  }
}
