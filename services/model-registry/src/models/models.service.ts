import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { Database } from '@q2/database';
import { AlreadyExists } from '@q2/errors';
import { selectModelFiles } from '../artifacts/artifacts.store.js';
import { ModelChanges } from '../changes/model-changes.service.js';
import { Quotas, type QuotaShare } from '../quota/quota.port.js';
import { checkEtag } from '../requests/etag.js';
import { selectVersionStages } from '../versions/versions.store.js';
import { mustBeWithoutHistory, type Model, type ModelFields, type ModelKey } from './model.js';
import { deleteModel, getModel, insertModel, lockModel, selectModels, updateModel } from './models.store.js';

/** An update: on the ground of which reading, and what it makes of the model. */
export interface ModelEdit {
  readonly etag: string;
  readonly change: (model: Model) => ModelFields;
}

/** Creates, reads, changes and deletes models. */
@Injectable()
export class ModelsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(ModelChanges) private readonly changes: ModelChanges,
  ) {}

  /**
   * @throws {AlreadyExists} MODEL_EXISTS
   * @throws {ResourceExhausted} QUOTA_EXCEEDED
   */
  create(key: ModelKey, fields: ModelFields): Promise<Model> {
    const name = models.modelName.format(key);
    return this.database.inTenant(key.tenant, async (tx) => {
      if (!(await insertModel(tx, key, fields))) throw new AlreadyExists('MODEL_EXISTS', `${name} exists already`, { model: name });
      // Last, so that nothing is taken for a model that is not created; the row keeps a second creation waiting meanwhile.
      await this.quotas.acquire({ tenant: key.tenant, resource: 'models', holder: name }, 1);
      return getModel(tx, key);
    });
  }

  /** @throws {NotFound} MODEL_NOT_FOUND */
  get(key: ModelKey): Promise<Model> {
    return this.database.inTenant(key.tenant, (tx) => getModel(tx, key), { readOnly: true });
  }

  /** A tenant's models by id, those after `after`. */
  list(tenant: string, page: { readonly after: string; readonly size: number }): Promise<Model[]> {
    return this.database.inTenant(tenant, (tx) => selectModels(tx, tenant, page), { readOnly: true });
  }

  /**
   * @throws {NotFound} MODEL_NOT_FOUND
   * @throws {Aborted} ETAG_STALE
   */
  update(key: ModelKey, edit: ModelEdit): Promise<Model> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const model = await lockModel(tx, key);
      checkEtag(edit.etag, model.revision, models.modelName.format(key));
      await updateModel(tx, key, edit.change(model));
      await this.changes.announce(tx, key);
      return getModel(tx, key);
    });
  }

  /**
   * Deletes a model that has nothing but drafts, and gives back what it took of the tenant's plan.
   *
   * @throws {NotFound} MODEL_NOT_FOUND
   * @throws {FailedPrecondition} MODEL_HAS_HISTORY
   * @throws {Aborted} ETAG_STALE
   */
  delete(key: ModelKey, etag: string): Promise<void> {
    return this.database.inTenant(key.tenant, async (tx) => {
      checkEtag(etag, (await lockModel(tx, key)).revision, models.modelName.format(key));
      const versions = await selectVersionStages(tx, key);
      mustBeWithoutHistory(key, versions);
      const files = await selectModelFiles(tx, key);
      await deleteModel(tx, key);
      await this.changes.announce(tx, key);
      for (const share of sharesOf(key, versions, files)) await this.quotas.release(share);
    });
  }
}

/** Everything that a model and what it contains took of the plan. */
function sharesOf(
  key: ModelKey,
  versions: readonly { version: string }[],
  files: readonly { version: string; fileName: string }[],
): QuotaShare[] {
  const { tenant } = key;
  return [
    ...files.map(({ version, fileName }): QuotaShare => {
      const holder = models.artifactName.format({ ...key, version, artifact: fileName });
      return { tenant, resource: 'storage_bytes', holder };
    }),
    ...versions.map(({ version }): QuotaShare => ({
      tenant,
      resource: 'model_versions',
      holder: models.versionName.format({ ...key, version }),
    })),
    { tenant, resource: 'models', holder: models.modelName.format(key) },
  ];
}
