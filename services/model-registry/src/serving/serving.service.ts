import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { models } from '@q2/contracts';
import { ResourceExhausted } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import type { ModelKey } from '../models/model.js';
import { RegistrySettings } from '../registry.settings.js';
import { UsageMeter } from '../usage/usage-meter.service.js';
import type { VersionKey } from '../versions/version.js';
import { Leases, type Lease } from './leases.js';
import type { Hold, Resident } from './model-cache.js';
import type { Selector } from './servable.js';
import { ServablesService } from './servables.service.js';
import type { Prediction, ServedModel } from './served-model.js';
import { ServedModels } from './served-models.service.js';
import type { Tensor, TensorSpec } from './tensor.js';

const expireEveryMs = 1_000;

/** What is to be predicted, once it is known what the model reads. */
export type InputReader = (specs: readonly TensorSpec[]) => ReadonlyMap<string, Tensor>;

/** A prediction, and by which version. */
export interface ServedPrediction extends Prediction {
  readonly version: string;
  readonly isCold: boolean;
}

/** A lease, as its holder hears of it. */
export interface GrantedLease {
  readonly handle: string;
  readonly version: string;
  readonly expiresAt: Date;
  readonly isCold: boolean;
}

/** Answers predictions, and holds models in memory for those who ask. */
@Injectable()
export class ServingService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly leases: Leases<Hold<ServedModel>>;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(ServablesService) private readonly servables: ServablesService,
    @Inject(ServedModels) private readonly served: ServedModels,
    @Inject(UsageMeter) private readonly usage: UsageMeter,
    @Inject(RegistrySettings) private readonly settings: RegistrySettings,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    this.leases = new Leases(() => this.clock.now());
  }

  /** Leases that run, of all tenants. */
  get leaseCount(): number {
    return this.leases.size;
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.leases.expire(), expireEveryMs);
    this.timer.unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.leases.releaseAll();
  }

  /**
   * Predicts by the version that a handle holds or a selector names.
   *
   * @throws what {@link ServablesService.resolve}, {@link ServedModels.hold} and {@link ServedModel.predict} throw
   * @throws {FailedPrecondition} LEASE_ENDED
   */
  async predict(key: ModelKey, by: Selector | { readonly handle: string }, read: InputReader): Promise<ServedPrediction> {
    const { model, isCold, release } = await ('handle' in by ? this.holdAgain(key, by.handle) : this.hold(key, by));
    try {
      const prediction = await model.predict(read(model.runtime.inputs));
      this.usage.countPrediction(key.tenant);
      return { ...prediction, version: model.servable.name, isCold };
    } finally {
      release();
    }
  }

  /**
   * Holds a version in memory until released or expired.
   *
   * @throws {ResourceExhausted} LEASES_EXHAUSTED, or as {@link predict}
   */
  async acquire(key: ModelKey, selector: Selector, durationMs: number): Promise<GrantedLease> {
    const { tenant } = key;
    if (this.leases.count(tenant) >= this.settings.leasesPerTenant) {
      const message = `tenants/${tenant} holds ${this.settings.leasesPerTenant} leases, as many as it may; release some`;
      throw new ResourceExhausted('LEASES_EXHAUSTED', message, { tenant });
    }
    const hold = await this.hold(key, selector);
    const expiresAt = new Date(this.clock.now().getTime() + durationMs);
    const lease: Lease<Hold<ServedModel>> = { handle: randomUUID(), tenant, model: models.modelName.format(key), hold, expiresAt };
    this.leases.add(lease);
    return { handle: lease.handle, version: hold.model.servable.name, expiresAt, isCold: hold.isCold };
  }

  /** Ends a lease; nothing happens where it has ended already. */
  release(key: ModelKey, handle: string): void {
    this.leases.release(handle, { tenant: key.tenant, model: models.modelName.format(key) });
  }

  /** Loads a version before it is needed. */
  async preload(key: VersionKey): Promise<Resident<ServedModel>> {
    const { resident, release } = await this.hold(key, { by: 'version', version: key.version });
    release();
    return resident;
  }

  /** @throws {NotFound} VERSION_NOT_FOUND */
  pin(key: VersionKey, isPinned: boolean): Promise<void> {
    return this.servables.pin(key, isPinned, () => this.served.setPinned(models.versionName.format(key), isPinned));
  }

  /** @throws {FailedPrecondition} MODEL_BUSY where it is pinned or in use */
  async unload(key: VersionKey): Promise<void> {
    this.leases.expire();
    await this.served.unload(await this.servables.resolve(key, { by: 'version', version: key.version }));
  }

  private async hold(key: ModelKey, selector: Selector): Promise<Hold<ServedModel>> {
    const servable = await this.servables.resolve(key, selector);
    this.leases.expire();
    this.served.setPinned(servable.name, servable.isPinned);
    return this.served.hold(servable);
  }

  /** A hold of its own for the time of a prediction: the lease may end meanwhile. */
  private holdAgain(key: ModelKey, handle: string): Promise<Hold<ServedModel>> {
    const { hold } = this.leases.get(handle, { tenant: key.tenant, model: models.modelName.format(key) });
    return this.served.hold(hold.model.servable);
  }
}
