import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { FailedPrecondition } from '@q2/errors';
import { selectArtifacts } from '../artifacts/artifacts.store.js';
import { ModelChanges } from '../changes/model-changes.service.js';
import type { ModelKey } from '../models/model.js';
import { getModel } from '../models/models.store.js';
import { findAliasTarget } from '../promotion/assignments.store.js';
import { highestInRange } from '../versions/semantic-version.js';
import { aliasNotFound, type VersionKey } from '../versions/version.js';
import { getVersion, selectVersionStages } from '../versions/versions.store.js';
import { isVersionPinned, setPin } from './pins.store.js';
import { ResolutionCache } from './resolution-cache.js';
import { reservedBytes, theModelFile, type Selector, type Servable } from './servable.js';

/** Should word of another replica's change be lost, it counts after this time at the latest. */
const maxAgeMs = 10_000;
const maxEntries = 10_000;

/** Finds what a call means by a model and a selector. Predictions ask it, so what was found is remembered until the model changes. */
@Injectable()
export class ServablesService {
  private readonly resolutions = new ResolutionCache<Servable>({ maxAgeMs, maxEntries, nowMs: () => performance.now() });

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ModelChanges) private readonly changes: ModelChanges,
  ) {
    changes.onChange((model) => this.resolutions.forget(model));
  }

  /**
   * @throws {NotFound} MODEL_NOT_FOUND, VERSION_NOT_FOUND or ALIAS_NOT_FOUND
   * @throws {FailedPrecondition} NOTHING_IN_PRODUCTION, NO_VERSION_IN_RANGE or MODEL_FILE_MISSING
   */
  resolve(key: ModelKey, selector: Selector): Promise<Servable> {
    return this.resolutions.resolve(models.modelName.format(key), JSON.stringify(selector), () => this.read(key, selector));
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
      await this.changes.announce(tx, key);
      tx.afterCommit(onDone);
    });
  }

  private read(key: ModelKey, selector: Selector): Promise<Servable> {
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
