import { Inject, Injectable } from '@nestjs/common';
import { modelEvents, models } from '@q2/contracts';
import { Database } from '@q2/database';
import { AlreadyExists } from '@q2/errors';
import { Outbox } from '@q2/events';
import type { ModelKey } from '../models/model.js';
import { getModel, lockModel } from '../models/models.store.js';
import { findAliasTarget } from '../promotion/assignments.store.js';
import { Quotas } from '../quota/quota.port.js';
import { checkEtag } from '../requests/etag.js';
import { precedenceKey } from './semantic-version.js';
import { mustBeDraft } from './stage.js';
import { aliasNotFound, type Version, type VersionFields, type VersionKey } from './version.js';
import { getVersion, insertVersion, lockVersion, selectVersions, updateVersion, type VersionQuery } from './versions.store.js';

/** An update: on the ground of which reading, and which fields it overwrites. */
export interface VersionEdit {
  readonly etag: string;
  readonly fields: Partial<VersionFields>;
}

/** Creates, reads and changes versions. */
@Injectable()
export class VersionsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Quotas) private readonly quotas: Quotas,
  ) {}

  /**
   * Adds a version in DRAFT.
   *
   * @throws {NotFound} MODEL_NOT_FOUND
   * @throws {AlreadyExists} VERSION_EXISTS, also where it differs in build metadata only
   * @throws {ResourceExhausted} QUOTA_EXCEEDED
   */
  create(key: VersionKey, fields: VersionFields, creator: string): Promise<Version> {
    const name = models.versionName.format(key);
    const precedence = precedenceKey(key.version);
    return this.database.inTenant(key.tenant, async (tx) => {
      await lockModel(tx, key);
      if (!(await insertVersion(tx, key, { ...fields, precedence, creator }))) {
        throw new AlreadyExists('VERSION_EXISTS', `${name} exists already; versions that differ in build metadata only are the same`, {
          version: name,
        });
      }
      const data = { model: models.modelName.format(key), version: name, principal: creator };
      await this.outbox.add(tx, { type: modelEvents.VersionCreatedSchema, key: data.model, data });
      await this.quotas.acquire({ tenant: key.tenant, resource: 'model_versions', holder: name }, 1);
      return getVersion(tx, key);
    });
  }

  /** @throws {NotFound} VERSION_NOT_FOUND */
  get(key: VersionKey): Promise<Version> {
    return this.database.inTenant(key.tenant, (tx) => getVersion(tx, key), { readOnly: true });
  }

  /** @throws {NotFound} ALIAS_NOT_FOUND */
  getByAlias(key: ModelKey & { readonly alias: string }): Promise<Version> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        const version = await findAliasTarget(tx, key);
        if (version === undefined) throw aliasNotFound(key);
        return getVersion(tx, { ...key, version });
      },
      { readOnly: true },
    );
  }

  /**
   * A model's versions, the highest precedence first.
   *
   * @throws {NotFound} MODEL_NOT_FOUND
   */
  list(key: ModelKey, query: VersionQuery): Promise<Version[]> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        await getModel(tx, key);
        return selectVersions(tx, key, query);
      },
      { readOnly: true },
    );
  }

  /**
   * @throws {NotFound} VERSION_NOT_FOUND
   * @throws {FailedPrecondition} VERSION_FIXED where metadata would change after DRAFT
   * @throws {Aborted} ETAG_STALE
   */
  update(key: VersionKey, edit: VersionEdit): Promise<Version> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const version = await lockVersion(tx, key);
      checkEtag(edit.etag, version.revision, models.versionName.format(key));
      if (edit.fields.metadata !== undefined) mustBeDraft(models.versionName.format(key), version.stage, 'metadata');
      await updateVersion(tx, key, { metadata: version.metadata, labels: version.labels, ...edit.fields });
      return getVersion(tx, key);
    });
  }
}
