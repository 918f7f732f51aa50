import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { models } from '@q2/contracts';
import { Database, type Tx } from '@q2/database';
import type { ModelKey } from '../models/model.js';

const channel = 'model_changes';

/** Hears of a model that changed, by its full name; an empty name stands for any model. */
export type ChangeListener = (model: string) => void;

/** Tells whoever remembers something of a model that it has changed: at once in this process, by NOTIFY in the others. */
@Injectable()
export class ModelChanges implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly listeners = new Set<ChangeListener>();
  private stopListening: () => Promise<void> = () => Promise.resolve();

  constructor(@Inject(Database) private readonly database: Pick<Database, 'listen'>) {}

  /** Calls `listener` for every change from now on. */
  onChange(listener: ChangeListener): void {
    this.listeners.add(listener);
  }

  /** Tells of a change once the transaction has committed. */
  async announce(tx: Tx, key: ModelKey): Promise<void> {
    const model = models.modelName.format(key);
    await tx.execute('SELECT pg_notify($1, $2)', [channel, model]);
    tx.afterCommit(() => this.tell(model));
  }

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channel, (model) => this.tell(model));
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.stopListening();
  }

  private tell(model: string): void {
    for (const listener of this.listeners) listener(model);
  }
}
