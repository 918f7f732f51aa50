import { create, fromJsonString, toJsonString } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { experimentEvents, experiments } from '@q2/contracts';
import { Database, newId, type Tx } from '@q2/database';
import { InvalidArgument } from '@q2/errors';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import type { Verdict } from '../analysis/decide.js';
import { controlOf, type Experiment, type Variant } from '../experiments/experiment.js';
import { ExperimentRow } from '../experiments/experiment.entity.js';
import type { ExperimentKey } from '../experiments/experiment-key.js';
import { getExperiment, saveChange } from '../experiments/experiments.service.js';
import { requireAllowed } from '../experiments/lifecycle.js';
import { experimentOf, nameOf } from '../experiments/stored-experiment.js';
import { DecisionRow } from './decision.entity.js';

const { DecisionKind, DecisionSchema, EvidenceCause, EvidenceSchema } = experiments;

/** Who decides where nobody did. */
export const DECIDED_BY_RULE = 'rule';

/** Ends experiments: the decision, the state and the event are written together or not at all. */
@Injectable()
export class DecisionsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Ends a locked experiment as decided.
   *
   * @throws {FailedPrecondition} EXPERIMENT_STATE where it is not RUNNING or PAUSED
   * @throws {InvalidArgument} where the winner is no variant of it
   */
  async end(tx: Tx, row: ExperimentRow, decision: Verdict & { readonly by: string }): Promise<ExperimentRow> {
    const isRollback = decision.kind === DecisionKind.ROLLED_BACK;
    requireAllowed(isRollback ? 'roll back' : 'complete', { name: nameOf(row), state: row.state });
    const experiment = experimentOf(row);
    const winner = winnerOf(experiment, decision.winnerVariant);
    const now = this.clock.now();
    const changed = await saveChange(tx, row, {
      state: isRollback ? 'ROLLED_BACK' : 'COMPLETED',
      winnerVariant: decision.winnerVariant,
      hasNewData: false,
      endedAt: now,
      updatedAt: now,
    });
    await tx.manager.insert(DecisionRow, {
      tenantId: row.tenantId,
      experimentId: row.id,
      id: newId(),
      kind: isRollback ? 'ROLLED_BACK' : 'CONCLUDED',
      decidedBy: decision.by,
      winnerVariant: decision.winnerVariant,
      evidence: toJsonString(EvidenceSchema, decision.evidence),
      decidedAt: now,
    });
    await (isRollback ? this.announceRollback(tx, experiment, decision) : this.announceConclusion(tx, experiment, { decision, winner }));
    return changed;
  }

  /**
   * A page of an experiment's decisions, newest first.
   *
   * @param after id of the last decision of the page before
   * @throws {NotFound} EXPERIMENT_NOT_FOUND
   */
  list(key: ExperimentKey, page: { readonly after: string | undefined; readonly limit: number }): Promise<DecisionRow[]> {
    return this.database.inTenant(key.tenant, async (tx) => {
      await getExperiment(tx, key);
      const query = tx.manager.createQueryBuilder(DecisionRow, 'decision');
      query.where('decision.tenantId = :tenant AND decision.experimentId = :id', { tenant: key.tenant, id: key.id });
      if (page.after !== undefined) query.andWhere('decision.id < :after', { after: page.after });
      return query.orderBy('decision.id', 'DESC').limit(page.limit).getMany();
    });
  }

  private async announceRollback(tx: Tx, experiment: Experiment, { by, evidence }: Verdict & { by: string }): Promise<void> {
    const control = controlOf(experiment);
    const key = experiment.name;
    if (evidence.cause === EvidenceCause.SAMPLE_RATIO_MISMATCH) {
      const weights = Object.fromEntries(experiment.variants.map(({ id, weightBasisPoints }) => [id, weightBasisPoints]));
      const data = { experiment: key, units: evidence.units, weightsBasisPoints: weights, pValue: evidence.sampleRatioPValue };
      await this.outbox.add(tx, { type: experimentEvents.SampleRatioMismatchFoundSchema, data, key });
    }
    const data = { experiment: key, controlVariant: control.id, target: targetOf(control), decidedBy: by, evidence };
    await this.outbox.add(tx, { type: experimentEvents.ExperimentRolledBackSchema, data, key });
  }

  private announceConclusion(
    tx: Tx,
    experiment: Experiment,
    { decision, winner }: { decision: Verdict & { by: string }; winner: Variant | undefined },
  ): Promise<void> {
    const data = {
      experiment: experiment.name,
      winnerVariant: decision.winnerVariant,
      controlWon: winner?.control ?? false,
      ...targetParts(winner),
      decidedBy: decision.by,
      evidence: decision.evidence,
    };
    return this.outbox.add(tx, { type: experimentEvents.ExperimentConcludedSchema, data, key: experiment.name });
  }
}

/** A decision as the contract shows it. */
export function decisionOf(row: DecisionRow): experiments.Decision {
  return create(DecisionSchema, {
    name: experiments.decisionName.format({ tenant: row.tenantId, experiment: row.experimentId, decision: row.id }),
    kind: DecisionKind[row.kind],
    decidedBy: row.decidedBy,
    winnerVariant: row.winnerVariant,
    evidence: fromJsonString(EvidenceSchema, row.evidence),
    decideTime: timestampFromDate(row.decidedAt),
  });
}

function winnerOf({ variants, name }: Experiment, id: string): Variant | undefined {
  const winner = variants.find((variant) => variant.id === id);
  if (winner || id === '') return winner;
  throw InvalidArgument.field('winner_variant', `must be a variant of ${name}, got '${id}'`);
}

/** The model version that a variant points at; empty where it has none. */
function targetOf({ content }: Variant): string {
  return content.case === 'target' ? content.value : '';
}

/** The winner's model version in the parts that a workflow needs to promote it. */
function targetParts(winner: Variant | undefined): { target: string; model: string; version: string } {
  const target = winner ? targetOf(winner) : '';
  if (target === '') return { target: '', model: '', version: '' };
  const { tenant, model, version } = experiments.targetName.parse(target);
  return { target, model: `tenants/${tenant}/models/${model}`, version };
}
