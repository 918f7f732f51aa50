import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Aborted, DomainError } from '@q2/errors';
import { verifyObject, type StoredObject } from '@q2/object-storage';
import { ModelChanges } from '../changes/model-changes.service.js';
import type { CheckedFile } from '../promotion/gates.js';
import { Quotas } from '../quota/quota.port.js';
import { RegistrySettings } from '../registry.settings.js';
import { mustBeDraft } from '../versions/stage.js';
import type { Version, VersionKey } from '../versions/version.js';
import { getVersion, lockVersion } from '../versions/versions.store.js';
import { artifactNotFound, mustBeSame, type Artifact, type ArtifactKey } from './artifact.js';
import { ArtifactContents } from './artifact-contents.js';
import { findArtifact, insertArtifact, lockContent, selectArtifacts } from './artifacts.store.js';

/** An upload: what was announced, the content as it comes, and who sends it. */
export interface Upload {
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  readonly content: AsyncIterable<Uint8Array>;
  readonly creator: string;
}

/** Takes files in and gives them out. */
@Injectable()
export class ArtifactsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ArtifactContents) private readonly contents: ArtifactContents,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(RegistrySettings) private readonly settings: RegistrySettings,
    @Inject(ModelChanges) private readonly changes: ModelChanges,
  ) {}

  /**
   * Stores a file of a version. It appears once its content is complete and as announced. The same content again changes nothing.
   *
   * @throws {NotFound} VERSION_NOT_FOUND
   * @throws {FailedPrecondition} VERSION_FIXED where the version has left DRAFT
   * @throws {AlreadyExists} ARTIFACT_EXISTS where the file exists with other content
   * @throws {InvalidArgument} where the content is not as announced
   * @throws {ResourceExhausted} OBJECT_TOO_LARGE, STORAGE_FULL or QUOTA_EXCEEDED
   */
  async upload(key: ArtifactKey, upload: Upload): Promise<Artifact> {
    await this.refuseEarly(key, upload.sizeBytes);
    const stored = await this.contents.put(key.tenant, upload.content, {
      maxBytes: this.settings.artifactMaxBytes,
      expectedBytes: upload.sizeBytes,
      ...(upload.sha256 !== undefined && { expectedSha256: upload.sha256 }),
    });
    return this.database.inTenant(key.tenant, async (tx) => {
      const version = await lockVersion(tx, key);
      const present = await findArtifact(tx, key);
      if (present !== undefined) {
        mustBeSame(key, present, stored);
        return present;
      }
      await this.add(tx, key, { version, stored, creator: upload.creator });
      return mustFind(tx, key);
    });
  }

  /** @throws {NotFound} ARTIFACT_NOT_FOUND */
  get(key: ArtifactKey): Promise<Artifact> {
    return this.database.inTenant(key.tenant, (tx) => mustFind(tx, key), { readOnly: true });
  }

  /**
   * The content of a file, verified while it is read.
   *
   * @throws what {@link ArtifactContents.get} throws
   */
  read(tenant: string, object: StoredObject, offsetBytes = 0): AsyncIterable<Uint8Array> {
    return this.contents.get(tenant, object, offsetBytes);
  }

  /**
   * A version's files by name.
   *
   * @throws {NotFound} VERSION_NOT_FOUND
   */
  list(key: VersionKey, page?: { readonly after: string; readonly size: number }): Promise<Artifact[]> {
    return this.database.inTenant(
      key.tenant,
      async (tx) => {
        await getVersion(tx, key);
        return selectArtifacts(tx, key, page);
      },
      { readOnly: true },
    );
  }

  /** Reads every file of a version to its end and says what is wrong with each. */
  async verify(key: VersionKey): Promise<CheckedFile[]> {
    return this.checkFiles(key.tenant, await this.list(key));
  }

  /** The same inside a transaction. */
  async check(tx: Tx, key: VersionKey): Promise<CheckedFile[]> {
    return this.checkFiles(key.tenant, await selectArtifacts(tx, key));
  }

  private async checkFiles(tenant: string, files: readonly Artifact[]): Promise<CheckedFile[]> {
    const checked: CheckedFile[] = [];
    for (const file of files) checked.push({ fileName: file.fileName, problem: await this.problemOf(tenant, file) });
    return checked;
  }

  private async problemOf(tenant: string, file: Artifact): Promise<string | undefined> {
    try {
      await verifyObject(this.contents, tenant, file);
      return undefined;
    } catch (error) {
      // Altered or missing is what we look for; a storage that cannot be read now says nothing about the file.
      if (error instanceof DomainError && (error.kind === 'FAILED_PRECONDITION' || error.kind === 'NOT_FOUND')) return error.message;
      throw error;
    }
  }

  /** A large upload is not taken in only to be refused. */
  private async refuseEarly(key: ArtifactKey, sizeBytes: number): Promise<void> {
    const holder = models.artifactName.format(key);
    const isNew = await this.database.inTenant(
      key.tenant,
      async (tx) => {
        const version = await getVersion(tx, key);
        if ((await findArtifact(tx, key)) !== undefined) return false;
        mustBeDraft(models.versionName.format(key), version.stage, 'artifacts');
        return true;
      },
      { readOnly: true },
    );
    if (isNew) await this.quotas.check({ tenant: key.tenant, resource: 'storage_bytes', holder }, sizeBytes);
  }

  private async add(tx: Tx, key: ArtifactKey, file: { version: Version; stored: StoredObject; creator: string }): Promise<void> {
    const { version, stored, creator } = file;
    mustBeDraft(models.versionName.format(key), version.stage, 'artifacts');
    await lockContent(tx, key.tenant, stored.sha256);
    if (!(await this.contents.exists(key.tenant, stored.sha256))) {
      throw new Aborted('UPLOAD_COLLECTED', 'the content was removed while it arrived; upload it again', { sha256: stored.sha256 });
    }
    await insertArtifact(tx, key, { ...stored, creator });
    await this.changes.announce(tx, key);
    const share = { tenant: key.tenant, resource: 'storage_bytes', holder: models.artifactName.format(key) } as const;
    await this.quotas.acquire(share, stored.sizeBytes);
  }
}

async function mustFind(tx: Tx, key: ArtifactKey): Promise<Artifact> {
  const artifact = await findArtifact(tx, key);
  if (artifact === undefined) throw artifactNotFound(key);
  return artifact;
}
