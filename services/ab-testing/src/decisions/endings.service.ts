import { Inject, Injectable } from '@nestjs/common';
import { experiments } from '@q2/contracts';
import { Database } from '@q2/database';
import { AnalysisService } from '../analysis/analysis.service.js';
import { evidenceOf, type Verdict } from '../analysis/decide.js';
import type { ExperimentRow } from '../experiments/experiment.entity.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { lockExperiment } from '../experiments/experiments.service.js';
import { DecisionsService } from './decisions.service.js';

const { DecisionKind, EvidenceCause } = experiments;

/** Who ends an experiment, and why. */
export interface Ending {
  readonly by: string;
  readonly reason: string;
}

/** Ends experiments at somebody's request, with the figures of that moment as evidence. */
@Injectable()
export class EndingsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(AnalysisService) private readonly analysis: AnalysisService,
    @Inject(DecisionsService) private readonly decisions: DecisionsService,
  ) {}

  /**
   * @param ending with the variant that everyone sees from now on; none where empty
   * @throws {NotFound} EXPERIMENT_NOT_FOUND
   * @throws {FailedPrecondition} EXPERIMENT_STATE
   * @throws {InvalidArgument} where the winner is no variant of the experiment
   */
  complete(key: ExperimentKey, ending: Ending & { readonly winnerVariant: string }): Promise<ExperimentRow> {
    return this.end(key, ending, { kind: DecisionKind.CONCLUDED, winnerVariant: ending.winnerVariant });
  }

  /**
   * @throws {NotFound} EXPERIMENT_NOT_FOUND
   * @throws {FailedPrecondition} EXPERIMENT_STATE
   */
  rollBack(key: ExperimentKey, ending: Ending): Promise<ExperimentRow> {
    return this.end(key, ending, { kind: DecisionKind.ROLLED_BACK, winnerVariant: '' });
  }

  private end(key: ExperimentKey, { by, reason }: Ending, outcome: Pick<Verdict, 'kind' | 'winnerVariant'>): Promise<ExperimentRow> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const row = await lockExperiment(tx, key);
      const evidence = evidenceOf(await this.analysis.analyse(tx, row), EvidenceCause.REQUESTED, reason);
      return this.decisions.end(tx, row, { ...outcome, evidence, by });
    });
  }
}
