import { createHash } from 'node:crypto';
import { models } from '@q2/contracts';
import { AlreadyExists } from '@q2/errors';
import { heldOutDigits, modelFile, type Digit } from '../demo/digits.js';
import { patiently } from '../demo/patience.js';
import { allPages, type Journey, type LoadedTenant } from './journey.js';
import { streamTimeoutMs } from './requests.js';
import { exactlyOnce, inOrder, sameContent, type Verdict } from './verdict.js';

const files = ['1.0.0', '1.1.0'];
const pageSize = 1_000;

/** Registers versions with real models, takes each to production, and has production predict. */
export class ModelsJourney implements Journey {
  readonly name = 'models';
  /** Predictions that were answered, and those that were asked for. */
  readonly predictions = { answered: 0, asked: 0 };
  private readonly requests;
  private readonly service;
  private readonly model: string;
  /** What was acknowledged: content of each version, digest of each artifact, and promotions in order. */
  private readonly versions = new Map<string, string>();
  private readonly digests = new Map<string, string>();
  private readonly promotions: string[] = [];
  private digits: readonly Digit[] = [];

  constructor(private readonly tenant: LoadedTenant) {
    this.requests = tenant.requests(this.name);
    this.service = tenant.clients.get(models.ModelService);
    this.model = `${tenant.name}/models/digits`;
  }

  async prepare(): Promise<void> {
    this.digits = await heldOutDigits();
    const model = { description: 'digits under fire', task: 'classification', runtime: models.Runtime.ONNX };
    await this.requests.send(models.ModelService.method.createModel, (requestId) =>
      this.service.createModel({ parent: this.tenant.name, modelId: 'digits', model, requestId }),
    );
  }

  async step(number: number): Promise<void> {
    const { method } = models.ModelService;
    const versionId = `1.${String(number)}.0`;
    const name = `${this.model}/versions/${versionId}`;
    await this.requests.send(method.createVersion, (requestId) =>
      this.service.createVersion({ parent: this.model, versionId, version: { metadata: { number } }, requestId }),
    );
    this.versions.set(name, String(number));
    await this.upload(name, await modelFile(files[number % files.length] ?? '1.0.0'));
    for (const stage of [models.Stage.STAGING, models.Stage.PRODUCTION]) {
      await this.requests.send(method.promoteVersion, (requestId) =>
        this.service.promoteVersion({ name, stage, reason: `promotion ${String(number)}`, requestId }),
      );
    }
    this.promotions.push(`promotion ${String(number)} to ${versionId}`);
    await this.predict(number);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async verdicts(): Promise<Verdict[]> {
    const found = await allPages(async (pageToken) => {
      const { versions, nextPageToken } = await this.service.listVersions({ parent: this.model, pageSize, pageToken });
      return { items: versions, nextPageToken };
    });
    const metadata = new Map(found.map((version) => [version.name, String(version.metadata?.['number'])]));
    const assignments = await this.productionHistory();
    const names = [...this.versions.keys()];
    return [
      exactlyOnce(
        'each version is there once',
        names,
        found.map(({ name }) => name),
      ),
      sameContent('each version has its content', this.versions, metadata),
      sameContent('each artifact has its bytes', this.digests, await this.storedDigests()),
      exactlyOnce('each promotion happened once', this.promotions, assignments),
      inOrder('promotions of a model in order', this.promotions, assignments),
    ];
  }

  /** One digit, asked of production as it is now. */
  async predict(number: number): Promise<void> {
    const digit = this.digits[number % this.digits.length];
    if (digit === undefined) throw new Error('there are no digits');
    const pixels = { shape: [1n, 64n], values: { case: 'floats' as const, value: { values: [...digit.pixels] } } };
    const selector = { selector: { case: 'alias' as const, value: 'production' } };
    await patiently(() => {
      this.predictions.asked += 1;
      const inputs = { case: 'tensors' as const, value: { tensors: { pixels } } };
      return this.tenant.clients.get(models.ServingService).predict({ name: this.model, selector, inputs });
    });
    this.predictions.answered += 1;
  }

  /** An upload whose answer was lost is there already when it is repeated. */
  private async upload(version: string, file: Buffer): Promise<void> {
    const name = `${version}/artifacts/model.onnx`;
    const sha256 = createHash('sha256').update(file).digest('hex');
    async function* parts() {
      yield { part: { case: 'header' as const, value: { name, sha256, sizeBytes: BigInt(file.byteLength) } } };
      yield { part: { case: 'chunk' as const, value: file } };
    }
    const artifacts = this.tenant.clients.get(models.ArtifactService);
    await patiently(() =>
      artifacts.uploadArtifactStream(parts(), { timeoutMs: streamTimeoutMs }).catch((error: unknown) => {
        if (!(error instanceof AlreadyExists)) throw error;
      }),
    );
    this.digests.set(version, sha256);
  }

  private async storedDigests(): Promise<Map<string, string>> {
    const artifacts = this.tenant.clients.get(models.ArtifactService);
    const found = new Map<string, string>();
    for (const version of this.digests.keys()) {
      const { checks, intact } = await artifacts.verifyArtifacts({ parent: version });
      const { artifacts: stored } = await artifacts.listArtifacts({ parent: version });
      found.set(version, intact && checks.length === 1 ? (stored[0]?.sha256 ?? 'missing') : (checks[0]?.problem ?? 'missing'));
    }
    return found;
  }

  private async productionHistory(): Promise<string[]> {
    const assignments = await allPages(async (pageToken) => {
      const page = await this.service.listAssignments({ parent: this.model, alias: 'production', pageSize, pageToken });
      return { items: page.assignments, nextPageToken: page.nextPageToken };
    });
    return assignments.sort((a, b) => Number(a.sequence - b.sequence)).map(({ reason, toVersion }) => `${reason} to ${toVersion}`);
  }
}
