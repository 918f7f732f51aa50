import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { selectArtifacts } from '../artifacts/artifacts.store.js';
import type { ModelKey } from '../models/model.js';
import { getModel } from '../models/models.store.js';
import { findAliasTarget } from '../promotion/assignments.store.js';
import { highestInRange } from '../versions/semantic-version.js';
import { aliasNotFound, type VersionKey } from '../versions/version.js';
import { getVersion, selectVersionStages } from '../versions/versions.store.js';
import { isVersionPinned, setPin } from './pins.store.js';
import { reservedBytes, theModelFile, type Selector, type Servable } from './servable.js';

/** Finds what a call means by a model and a selector, as the registry stands now. */
@Injectable()
export class ServablesService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * @throws {NotFound} MODEL_NOT_FOUND, VERSION_NOT_FOUND or ALIAS_NOT_FOUND
   * @throws {FailedPrecondition} NOTHING_IN_PRODUCTION, NO_VERSION_IN_RANGE or MODEL_FILE_MISSING
   */
  resolve(key: ModelKey, selector: Selector): Promise<Servable> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        const model = await getModel(tx, key);
        const version = { ...key, version: await this.select(tx, key, selector) };
        await getVersion(tx, version);
        const name = models.versionName.format(version);
        const file = theModelFile(name, await selectArtifacts(tx, version));
        const bytes = reservedBytes(file.sizeBytes, model.memoryLimitBytes);
        return { key: version, name, file, bytes, isPinned: await isVersionPinned(tx, version) };
      },
      { readOnly: true },
    );
  }

  /**
   * Keeps a version in memory or lets it go; `onDone` hears of it once that is settled.
   *
   * @throws {NotFound} VERSION_NOT_FOUND
   */
  pin(key: VersionKey, isPinned: boolean, onDone: () => void): Promise<void> {
    return this.database.inTenant(key.tenant, async (tx) => {
      await getVersion(tx, key);
      await setPin(tx, key, isPinned);
      tx.afterCommit(onDone);
    });
  }

  private async select(tx: Tx, key: ModelKey, selector: Selector): Promise<string> {
    switch (selector.by) {
      case 'version':
        return selector.version;
      case 'alias': {
        const version = await findAliasTarget(tx, { ...key, alias: selector.alias });
        if (version === undefined) throw aliasNotFound({ ...key, alias: selector.alias });
        return version;
      }
      case 'range': {
        const released = (await selectVersionStages(tx, key)).filter(({ stage }) => stage === 'STAGING' || stage === 'PRODUCTION');
        return highestInRange(
          released.map(({ version }) => version),
          selector.range,
        );
      }
      case 'production': {
        const { productionVersion } = await getModel(tx, key);
        if (productionVersion !== undefined) return productionVersion;
        const model = models.modelName.format(key);
        throw new FailedPrecondition('NOTHING_IN_PRODUCTION', `${model} has no version in production; promote one or name one`, { model });
      }
    }
  }
}
