import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '@q2/database';
import { BackgroundLoop } from '@q2/events';
import { Clock, Logger } from '@q2/service-kit';
import { TimeSeriesStore } from '../metrics/time-series.port.js';
import { MonitoringSettings } from '../settings.js';

const hourMs = 3_600_000;
/** How long a batch is remembered, so that sending it again counts its points once. */
const batchMemoryMs = 24 * hourMs;
/** Rest between two chunks, so that deleting never crowds out recording. */
const chunkRestMs = 50;

/** Deletes what is older than it is kept: points and ended alerts by the retention setting, batches after a day. */
@Injectable()
export class RetentionJob implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly work: BackgroundLoop;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TimeSeriesStore) private readonly store: TimeSeriesStore,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(MonitoringSettings) private readonly settings: MonitoringSettings,
    @Inject(Logger) logger: Logger,
  ) {
    this.work = new BackgroundLoop({ name: 'retention of metrics', log: logger, step: () => this.step() });
  }

  onApplicationBootstrap(): void {
    this.work.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.work.stop();
  }

  /** Deletes one chunk; gives the time to rest before the next, an hour where nothing is left. */
  async step(): Promise<number> {
    const nowMs = this.clock.now().getTime();
    const oldest = new Date(nowMs - this.settings.retentionMs);
    if ((await this.store.forget(oldest)) > 0) return chunkRestMs;
    await this.database.acrossTenants('metric-retention', async (tx) => {
      await tx.execute('DELETE FROM batches WHERE received_at < $1', [new Date(nowMs - batchMemoryMs).toISOString()]);
      await tx.execute('DELETE FROM alerts WHERE resolved_at < $1', [oldest.toISOString()]);
    });
    return hourMs;
  }
}
