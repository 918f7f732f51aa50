import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { modelEvents, models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { ArtifactsService } from '../artifacts/artifacts.service.js';
import { ModelChanges } from '../changes/model-changes.service.js';
import type { Model, ModelKey } from '../models/model.js';
import { lockModel } from '../models/models.store.js';
import { decideTransition, type Stage } from '../versions/stage.js';
import type { Version, VersionKey } from '../versions/version.js';
import { getVersion, lockVersion, moveVersion } from '../versions/versions.store.js';
import { productionAlias, type Assignment } from './assignment.js';
import { recordMove, selectHistory } from './assignments.store.js';
import { passGates } from './gates.js';
import { rollbackTarget } from './rollback.js';

/** Who asks for a move, and why. */
export interface Mover {
  readonly principal: string;
  readonly reason: string;
}

export interface Promotion extends Mover {
  readonly stage: Stage;
  /** Leaves the version that served until now in STAGING. */
  readonly isFormerKept: boolean;
}

export interface Rollback extends Mover {
  readonly target: string | undefined;
  readonly expected: string | undefined;
}

/** Moves versions between stages, with the history, the alias and the event in one transaction. */
@Injectable()
export class PromotionsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ArtifactsService) private readonly artifacts: ArtifactsService,
    @Inject(ModelChanges) private readonly changes: ModelChanges,
  ) {}

  /**
   * Moves a version to a stage. A version that is there already stays as it is, without a trace in the history.
   *
   * @throws {NotFound} MODEL_NOT_FOUND or VERSION_NOT_FOUND
   * @throws {FailedPrecondition} VERSION_SERVING or GATES_NOT_PASSED
   */
  promote(key: VersionKey, promotion: Promotion): Promise<Version> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const model = await lockModel(tx, key);
      const version = await lockVersion(tx, key);
      if (decideTransition(models.versionName.format(key), version.stage, promotion.stage) === 'nothing') return version;
      if (promotion.stage !== 'ARCHIVED') await this.passGates(tx, key);
      const move = promotion.stage === 'PRODUCTION' ? await this.serve(tx, model, { key, cause: 'PROMOTION', ...promotion }) : undefined;
      if (move === undefined) await moveVersion(tx, key, promotion.stage);
      await this.changes.announce(tx, key);
      await this.announcePromotion(tx, { version, promotion, move });
      return getVersion(tx, key);
    });
  }

  /**
   * Returns production to an earlier version. The version that served is archived.
   *
   * @throws {NotFound} MODEL_NOT_FOUND
   * @throws {FailedPrecondition} what {@link rollbackTarget} throws, or GATES_NOT_PASSED where the target's files are damaged
   */
  rollBack(key: ModelKey, rollback: Rollback): Promise<Version> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const model = await lockModel(tx, key);
      const history = await selectHistory(tx, { ...key, alias: productionAlias });
      const version = rollbackTarget(history, { model: models.modelName.format(key), ...rollback });
      const target = { ...key, version };
      await this.passGates(tx, target);
      const move = await this.serve(tx, model, { key: target, cause: 'ROLLBACK', isFormerKept: false, ...rollback });
      await this.changes.announce(tx, key);
      await this.announceRollback(tx, target, move);
      return getVersion(tx, target);
    });
  }

  private async passGates(tx: Tx, key: VersionKey): Promise<void> {
    passGates(models.versionName.format(key), await this.artifacts.check(tx, key));
  }

  /** Puts a version in production and the one before out of it. */
  private async serve(
    tx: Tx,
    model: Model,
    to: Mover & { readonly key: VersionKey; readonly cause: 'PROMOTION' | 'ROLLBACK'; readonly isFormerKept: boolean },
  ): Promise<Assignment> {
    const { key, cause, principal, reason } = to;
    const former = model.productionVersion;
    if (former !== undefined) await moveVersion(tx, { ...key, version: former }, to.isFormerKept ? 'STAGING' : 'ARCHIVED');
    await moveVersion(tx, key, 'PRODUCTION');
    return recordMove(tx, key, { alias: productionAlias, fromVersion: former, toVersion: key.version, cause, principal, reason });
  }

  private announcePromotion(tx: Tx, moved: { version: Version; promotion: Promotion; move: Assignment | undefined }): Promise<void> {
    const { version, promotion, move } = moved;
    const model = models.modelName.format(version);
    const data = {
      model,
      version: models.versionName.format(version),
      fromStage: models.Stage[version.stage],
      toStage: models.Stage[promotion.stage],
      formerVersion: formerVersion(version, move),
      principal: promotion.principal,
      reason: promotion.reason,
      sequence: BigInt(move?.sequence ?? 0),
      promoteTime: timestampFromDate(move?.createdAt ?? new Date()),
    };
    return this.outbox.add(tx, { type: modelEvents.VersionPromotedSchema, key: model, data });
  }

  private announceRollback(tx: Tx, key: VersionKey, move: Assignment): Promise<void> {
    const model = models.modelName.format(key);
    const data = {
      model,
      version: models.versionName.format(key),
      formerVersion: formerVersion(key, move),
      principal: move.principal,
      reason: move.reason,
      sequence: BigInt(move.sequence),
      rollbackTime: timestampFromDate(move.createdAt),
    };
    return this.outbox.add(tx, { type: modelEvents.ProductionRolledBackSchema, key: model, data });
  }
}

/** Full name of the version that a move left; empty where it left none. */
function formerVersion(key: ModelKey, move: Assignment | undefined): string {
  return move?.fromVersion === undefined ? '' : models.versionName.format({ ...key, version: move.fromVersion });
}
