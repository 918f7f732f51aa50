import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { Logger } from '@q2/service-kit';
import { DECIDED_BY_RULE, DecisionsService } from '../decisions/decisions.service.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { lockExperiment } from '../experiments/experiments.service.js';
import { experimentOf } from '../experiments/stored-experiment.js';
import { AnalysisService } from './analysis.service.js';
import { decide } from './decide.js';

/** How often running experiments with new data are looked at. */
const INTERVAL_MS = 1_000;

/** Applies the rule of every running experiment while its data comes in. */
@Injectable()
export class EvaluatorService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private isStopping = false;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(AnalysisService) private readonly analysis: AnalysisService,
    @Inject(DecisionsService) private readonly decisions: DecisionsService,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.scheduleRound();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.round;
  }

  /** Looks at every running experiment with new data once. One that fails is logged and looked at again in the next round. */
  async evaluateAll(): Promise<void> {
    try {
      for (const key of await this.findDue()) await this.evaluate(key);
    } catch (error) {
      this.logger.warn({ error }, 'running experiments could not be looked up; trying again');
    }
  }

  private scheduleRound(): void {
    this.timer = setTimeout(() => {
      this.round = this.evaluateAll().finally(() => {
        if (!this.isStopping) this.scheduleRound();
      });
    }, INTERVAL_MS);
  }

  private findDue(): Promise<ExperimentKey[]> {
    return this.database.acrossTenants('experiment-analysis', (tx) =>
      tx.query<ExperimentKey>(
        `SELECT tenant_id AS tenant, id FROM experiments WHERE state = 'RUNNING' AND has_new_data ORDER BY updated_at`,
      ),
    );
  }

  private async evaluate(key: ExperimentKey): Promise<void> {
    if (this.isStopping) return;
    try {
      await this.applyRule(key);
    } catch (error) {
      this.logger.warn({ error, tenant: key.tenant, experiment: key.id }, 'an experiment could not be evaluated; trying again');
    }
  }

  /** The lock keeps data out while the rule is applied, and two replicas from deciding the same experiment. */
  private applyRule(key: ExperimentKey): Promise<void> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const row = await lockExperiment(tx, key);
      if (row.state !== 'RUNNING' || !row.hasNewData) return;
      const verdict = decide(experimentOf(row), await this.analysis.analyse(tx, row));
      if (verdict) await this.decisions.end(tx, row, { ...verdict, by: DECIDED_BY_RULE });
      else await tx.execute('UPDATE experiments SET has_new_data = false WHERE tenant_id = $1 AND id = $2', [key.tenant, key.id]);
    });
  }
}
