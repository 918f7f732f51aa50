import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService, Message } from '@bufbuild/protobuf';
import { models } from '@q2/contracts';
import { decodeEvent } from '@q2/events';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { ModelRegistryModule } from '../model-registry.module.js';
import { FakeTenants, FakeTenantsModule } from './fake-tenants.testing.js';

const data = new URL('../../../../e2e/data/', import.meta.url);

/** One of the demo's models. */
export function digitsModel(version: string): Promise<Buffer> {
  return readFile(new URL(`digits-${version}.onnx`, data));
}

/** The registry on a real database, with artifacts in a folder of its own. */
export class TestRegistry {
  private constructor(
    readonly platform: TestPlatform,
    readonly artifactsDirectory: string,
  ) {}

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<TestRegistry> {
    const artifactsDirectory = await mkdtemp(join(tmpdir(), 'q2-registry-'));
    return TestRegistry.open(artifactsDirectory, { environment });
  }

  /** Starts on a database that outlives the registry. */
  static on(databaseUrl: string, artifactsDirectory: string): Promise<TestRegistry> {
    return TestRegistry.open(artifactsDirectory, { databaseUrl });
  }

  private static async open(
    artifactsDirectory: string,
    options: { readonly environment?: Readonly<Record<string, string>>; readonly databaseUrl?: string },
  ): Promise<TestRegistry> {
    const { databaseUrl } = options;
    const platform = await startTestPlatform({
      modules: [ModelRegistryModule, FakeTenantsModule],
      environment: { Q2_ARTIFACTS_DIRECTORY: artifactsDirectory, ...options.environment },
      ...(databaseUrl !== undefined && { databaseUrl }),
    });
    const registry = new TestRegistry(platform, artifactsDirectory);
    for (const tenant of ['acme', 'beta']) await registry.tenants.activate(tenant);
    return registry;
  }

  get tenants(): FakeTenants {
    return this.platform.get(FakeTenants);
  }

  async stop(): Promise<void> {
    await this.platform.stop();
    await rm(this.artifactsDirectory, { recursive: true, force: true });
  }

  /** A client of an editor of a tenant. */
  as<S extends DescService>(service: S, tenant = 'acme') {
    return this.platform.client(service, { tenant, roles: ['editor'] });
  }

  /** Registers a model; gives its name. */
  async model(modelId: string, tenant = 'acme'): Promise<string> {
    return (await this.as(models.ModelService, tenant).createModel({ parent: `tenants/${tenant}`, modelId })).name;
  }

  /** Adds a version without files; gives its name. */
  async draft(model: string, versionId: string): Promise<string> {
    return (await this.as(models.ModelService, tenantOf(model)).createVersion({ parent: model, versionId })).name;
  }

  /** Uploads a content in chunks of 10,000 bytes. */
  upload(version: string, fileName: string, content: Uint8Array, header: { sha256?: string; sizeBytes?: bigint } = {}) {
    const announced = { name: `${version}/artifacts/${fileName}`, sizeBytes: BigInt(content.byteLength), ...header };
    return this.as(models.ArtifactService, tenantOf(version)).uploadArtifactStream(uploadMessages(announced, content));
  }

  /** Adds a version with the demo's model of `file`; gives its name. */
  async version(model: string, versionId: string, file = '1.0.0'): Promise<string> {
    const name = await this.draft(model, versionId);
    await this.upload(name, 'model.onnx', await digitsModel(file));
    return name;
  }

  /** Promotes a version to production. */
  promote(version: string, reason = ''): Promise<models.Version> {
    return this.as(models.ModelService, tenantOf(version)).promoteVersion({ name: version, stage: models.Stage.PRODUCTION, reason });
  }

  /** Waits for `count` events of a type, or those of them that are meant. */
  async events<M extends Message>(type: GenMessage<M>, count: number, isMeant: (event: M) => boolean = () => true): Promise<M[]> {
    for (;;) {
      const ofType = this.tenants.events.filter((event) => event.type === type.typeName);
      const found = ofType.map((event) => decodeEvent(type, event)).filter(isMeant);
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function* uploadMessages(header: { name: string; sizeBytes: bigint; sha256?: string }, content: Uint8Array) {
  yield { part: { case: 'header', value: header } as const };
  for (let at = 0; at < content.byteLength; at += 10_000)
    yield { part: { case: 'chunk', value: Uint8Array.from(content.subarray(at, at + 10_000)) } as const };
}

function tenantOf(name: string): string {
  return name.split('/')[1] ?? '';
}
