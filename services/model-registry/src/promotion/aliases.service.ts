import { Inject, Injectable } from '@nestjs/common';
import { modelEvents, models } from '@q2/contracts';
import { Database } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { Outbox } from '@q2/events';
import { ModelChanges } from '../changes/model-changes.service.js';
import type { ModelKey } from '../models/model.js';
import { getModel, lockModel } from '../models/models.store.js';
import { getVersion } from '../versions/versions.store.js';
import { productionAlias, type Assignment } from './assignment.js';
import { findAliasTarget, recordMove, selectAssignments, type AssignmentQuery } from './assignments.store.js';
import type { Mover } from './promotions.service.js';

export interface AliasKey extends ModelKey {
  readonly alias: string;
}

/** Moves aliases by hand, and reads the history of all of them. */
@Injectable()
export class AliasesService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ModelChanges) private readonly changes: ModelChanges,
  ) {}

  /**
   * Points an alias at a version. Pointing it where it points already is a move too: someone said so again.
   *
   * @throws {NotFound} MODEL_NOT_FOUND or VERSION_NOT_FOUND
   * @throws {FailedPrecondition} ALIAS_RESERVED for `production`
   */
  set(key: AliasKey, version: string, mover: Mover): Promise<Assignment> {
    const name = models.aliasName.format(key);
    if (key.alias === productionAlias) {
      throw new FailedPrecondition('ALIAS_RESERVED', `${name} moves by PromoteVersion and RollbackProduction only`, { alias: name });
    }
    return this.database.inTenant(key.tenant, async (tx) => {
      await lockModel(tx, key);
      await getVersion(tx, { ...key, version });
      const fromVersion = await findAliasTarget(tx, key);
      const move = await recordMove(tx, key, { alias: key.alias, fromVersion, toVersion: version, cause: 'ALIAS', ...mover });
      await this.changes.announce(tx, key);
      const model = models.modelName.format(key);
      const data = {
        model,
        alias: name,
        version: models.versionName.format({ ...key, version }),
        formerVersion: fromVersion === undefined ? '' : models.versionName.format({ ...key, version: fromVersion }),
        sequence: BigInt(move.sequence),
        ...mover,
      };
      await this.outbox.add(tx, { type: modelEvents.AliasMovedSchema, key: model, data });
      return move;
    });
  }

  /**
   * The moves of a model's aliases, the newest first.
   *
   * @throws {NotFound} MODEL_NOT_FOUND
   */
  list(key: ModelKey, query: AssignmentQuery): Promise<Assignment[]> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        await getModel(tx, key);
        return selectAssignments(tx, key, query);
      },
      { readOnly: true },
    );
  }
}
