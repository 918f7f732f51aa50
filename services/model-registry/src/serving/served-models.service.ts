import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { DomainError } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import { ArtifactsService } from '../artifacts/artifacts.service.js';
import { RegistrySettings } from '../registry.settings.js';
import { ModelCache, type Hold, type Resident } from './model-cache.js';
import { ModelRuntime } from './runtime.port.js';
import type { Servable } from './servable.js';
import { ServedModel } from './served-model.js';
import { ServingEvents } from './serving-events.service.js';
import { LoadFailures } from './serving-health.js';

/** How long predictions may go on at shutdown before their models are taken away. */
const shutdownWaitMs = 5_000;

/** The versions in this process's memory. */
@Injectable()
export class ServedModels implements BeforeApplicationShutdown {
  readonly failures = new LoadFailures();
  readonly limitBytes: number;
  private readonly cache: ModelCache<ServedModel>;
  private readonly pinned = new Set<string>();

  constructor(
    @Inject(ArtifactsService) private readonly artifacts: ArtifactsService,
    @Inject(ModelRuntime) private readonly runtime: ModelRuntime,
    @Inject(ServingEvents) private readonly events: ServingEvents,
    @Inject(RegistrySettings) settings: RegistrySettings,
    @Inject(Clock) clock: Clock,
  ) {
    this.limitBytes = settings.modelMemoryBytes;
    this.cache = new ModelCache({
      limitBytes: this.limitBytes,
      isPinned: (key) => this.pinned.has(versionOf(key)),
      now: () => clock.now(),
      onLoaded: ({ model, loadMs }) => this.events.loaded(model.servable, loadMs),
      onUnloaded: ({ servable }, cause) => this.events.unloaded(servable, cause),
    });
  }

  /** Memory that is taken or reserved. */
  get usedBytes(): number {
    return this.cache.usedBytes;
  }

  /** How many versions are in memory. */
  get loadedCount(): number {
    return this.cache.residents().length;
  }

  /**
   * Holds a version in memory, loading it on first use. Every hold needs one release.
   *
   * @throws {ResourceExhausted} MODEL_TOO_LARGE or MODEL_MEMORY_FULL
   * @throws {FailedPrecondition} MODEL_NOT_LOADABLE, or OBJECT_ALTERED where its file is damaged
   */
  hold(servable: Servable): Promise<Hold<ServedModel>> {
    return this.cache.acquire({ key: keyOf(servable), bytes: servable.bytes, load: () => this.load(servable) });
  }

  /** Keeps a version from leaving memory, or lets it. */
  setPinned(name: string, isPinned: boolean): void {
    if (isPinned) this.pinned.add(name);
    else this.pinned.delete(name);
  }

  /** @throws {FailedPrecondition} MODEL_BUSY where it is pinned or in use */
  unload(servable: Servable): Promise<void> {
    return this.cache.unload(keyOf(servable));
  }

  /** A tenant's versions in memory, by name. */
  residentsOf(tenant: string): Resident<ServedModel>[] {
    const own = this.cache.residents().filter(({ model }) => model.servable.key.tenant === tenant);
    return own.sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.cache.clear(shutdownWaitMs);
    await this.events.settle();
  }

  private async load(servable: Servable): Promise<ServedModel> {
    try {
      const content = await collect(this.artifacts.read(servable.key.tenant, servable.file));
      const model = new ServedModel(servable, await this.runtime.load(content));
      this.failures.clear(servable.name);
      return model;
    } catch (error) {
      this.failures.add(servable.name, error instanceof DomainError ? error.message : 'internal error');
      throw error;
    }
  }
}

/** A version that was deleted and made again with other content is another model: the content is part of the key. */
function keyOf({ name, file }: Servable): string {
  return `${name}@${file.sha256}`;
}

function versionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('@'));
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return Buffer.concat(collected);
}
