import { models } from '@q2/contracts';
import { ModelRegistryModule } from '@q2/model-registry';
import { TenantManagerModule } from '@q2/tenant-manager';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { modelFile } from '../demo/digits.js';
import { quantile } from './quantile.js';
import type { Report } from './report.js';

const rounds = 30;
const model = 'tenants/platform/models/bench';
const version = `${model}/versions/1.1.0`;

/** Acquiring a model that is loaded against one that has to be, through gRPC as callers do it. */
export async function benchModels(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'q2-bench-'));
  const platform = await startTestPlatform({
    modules: [TenantManagerModule, ModelRegistryModule],
    environment: { Q2_ARTIFACTS_DIRECTORY: folder },
  });
  try {
    await register(platform);
    const [coldMs, warmMs] = await measure(platform);
    const saved = 1 - warmMs / coldMs;
    report.add({
      name: 'acquiring a loaded model (194 KB ONNX)',
      measured: `cold p50 ${coldMs.toFixed(2)} ms, warm p50 ${warmMs.toFixed(2)} ms: ${(saved * 100).toFixed(0)} % below`,
      goal: 'warm at least 90 % below cold',
      isMet: saved >= 0.9,
    });
  } finally {
    await platform.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const operator = { tenant: 'platform', roles: ['operator'] };

async function register(platform: TestPlatform): Promise<void> {
  const registry = platform.client(models.ModelService, operator);
  await registry.createModel({ parent: 'tenants/platform', modelId: 'bench', model: { runtime: models.Runtime.ONNX } });
  await registry.createVersion({ parent: model, versionId: '1.1.0', version: {} });
  const file = await modelFile('1.1.0');
  async function* parts() {
    yield { part: { case: 'header' as const, value: { name: `${version}/artifacts/model.onnx`, sizeBytes: BigInt(file.byteLength) } } };
    yield { part: { case: 'chunk' as const, value: file } };
  }
  await platform.client(models.ArtifactService, operator).uploadArtifactStream(parts());
}

async function measure(platform: TestPlatform): Promise<[coldMs: number, warmMs: number]> {
  const serving = platform.client(models.ServingService, operator);
  const cold: number[] = [];
  const warm: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const samples of [cold, warm]) {
      const handle = await serving.acquireModel({ name: model, selector: { selector: { case: 'version', value: '1.1.0' } } });
      if (handle.cold !== (samples === cold)) throw new Error('the model was loaded when it should not have been, or the other way round');
      samples.push(handle.latencyMs);
      await serving.releaseModel({ name: model, handle: handle.handle });
    }
    await serving.unloadModel({ name: version });
  }
  return [quantile(cold, 0.5), quantile(warm, 0.5)];
}
