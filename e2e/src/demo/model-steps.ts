import { createHash } from 'node:crypto';
import { models } from '@q2/contracts';
import { AlreadyExists } from '@q2/errors';
import { clientOf, type DemoContext } from './demo-context.js';
import { modelFile } from './digits.js';
import { patiently } from './patience.js';

const chunkBytes = 64 * 1024;

/** Registers the model. */
export async function createModel(context: DemoContext): Promise<void> {
  const { run, narrator, tenant } = context;
  narrator.step('Register a digit classifier');
  const model = await patiently(() =>
    clientOf(context, models.ModelService).createModel({
      parent: tenant,
      modelId: 'digits',
      model: { description: 'Recognises handwritten digits', task: 'classification', runtime: models.Runtime.ONNX },
      requestId: run.requestId('create model'),
    }),
  );
  narrator.say(model.name);
}

/** Registers a version and streams its artifact. */
export async function createVersion(context: DemoContext, version: string, accuracy: number): Promise<void> {
  const { run, narrator, model } = context;
  await patiently(() =>
    clientOf(context, models.ModelService).createVersion({
      parent: model,
      versionId: version,
      version: { metadata: { training_accuracy: accuracy, framework: 'scikit-learn' } },
      requestId: run.requestId(`create ${version}`),
    }),
  );
  const file = await modelFile(version);
  const artifact = await patiently(() => upload(context, `${model}/versions/${version}/artifacts/model.onnx`, file));
  narrator.say(`${version}: ${artifact.sizeBytes} bytes streamed, SHA-256 ${artifact.sha256.slice(0, 16)}… verified`);
}

async function upload(context: DemoContext, name: string, file: Buffer): Promise<models.Artifact> {
  const artifacts = clientOf(context, models.ArtifactService);
  try {
    return await artifacts.uploadArtifactStream(uploadParts(name, file));
  } catch (error) {
    // An earlier try of this run may have ended between the upload and its answer.
    if (!(error instanceof AlreadyExists)) throw error;
    const { artifacts: stored } = await artifacts.listArtifacts({ parent: name.replace(/\/artifacts\/.*$/, '') });
    const [artifact] = stored;
    if (!artifact) throw error;
    return artifact;
  }
}

async function* uploadParts(name: string, file: Buffer) {
  const sha256 = createHash('sha256').update(file).digest('hex');
  yield { part: { case: 'header' as const, value: { name, sha256, sizeBytes: BigInt(file.byteLength) } } };
  for (let at = 0; at < file.byteLength; at += chunkBytes)
    yield { part: { case: 'chunk' as const, value: file.subarray(at, at + chunkBytes) } };
}

/** Takes a version to production, through staging. */
export async function promote(context: DemoContext, version: string, reason: string): Promise<void> {
  const { run, narrator, model } = context;
  const service = clientOf(context, models.ModelService);
  for (const stage of [models.Stage.STAGING, models.Stage.PRODUCTION]) {
    await patiently(() =>
      service.promoteVersion({
        name: `${model}/versions/${version}`,
        stage,
        reason,
        requestId: run.requestId(`promote ${version} ${stage}`),
      }),
    );
  }
  narrator.say(`${version} is in production: ${reason}`);
}

/** The version in production now, such as `1.1.0`. */
export async function productionVersion(context: DemoContext): Promise<string> {
  const model = await patiently(() => clientOf(context, models.ModelService).getModel({ name: context.model }));
  return model.productionVersion.split('/').at(-1) ?? '';
}
