import { Inject, Injectable } from '@nestjs/common';
import { modelEvents, models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import { Outbox } from '@q2/events';
import { Logger } from '@q2/service-kit';
import type { UnloadCause } from './model-cache.js';
import type { Servable } from './servable.js';

/** Announces what enters and leaves memory. Callers don't wait for it: an answer is not held up by a report on how it came about. */
@Injectable()
export class ServingEvents {
  private readonly pending = new Set<Promise<void>>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  loaded(servable: Servable, loadMs: number): void {
    const model = models.modelName.format(servable.key);
    const data = { model, version: servable.name, memoryBytes: BigInt(servable.bytes), loadMs };
    this.announce(servable, (tx) => this.outbox.add(tx, { type: modelEvents.ModelLoadedSchema, key: model, data }));
  }

  unloaded(servable: Servable, cause: UnloadCause): void {
    const model = models.modelName.format(servable.key);
    const data = { model, version: servable.name, cause: modelEvents.UnloadCause[cause] };
    this.announce(servable, (tx) => this.outbox.add(tx, { type: modelEvents.ModelUnloadedSchema, key: model, data }));
  }

  /** Waits for what is being announced. */
  async settle(): Promise<void> {
    await Promise.all(this.pending);
  }

  private announce({ key, name }: Servable, add: (tx: Tx) => Promise<void>): void {
    const announced = this.database
      .inTenant(key.tenant, add)
      .catch((error: unknown) => this.logger.warn({ err: error, version: name }, 'a load or unload could not be announced'))
      .finally(() => this.pending.delete(announced));
    this.pending.add(announced);
  }
}
