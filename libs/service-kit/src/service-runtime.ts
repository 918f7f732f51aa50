import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Database } from '@q2/database';
import type { ServiceEvents } from '@q2/events';
import type { ServiceClients } from './clients/service-clients.js';
import type { Logger } from './process/logger.js';
import type { Metrics } from './process/metrics.js';
import { sharedReading } from './process/shared-reading.js';
import type { RequestLog } from './requests/request-log.js';
import type { TenantDirectory } from './tenants/tenant-directory.js';

/** What runs beside a service's calls. */
export interface RuntimeOptions {
  readonly service: string;
  readonly database: Database;
  readonly events: ServiceEvents;
  readonly tenants: TenantDirectory;
  readonly requests: RequestLog;
  readonly clients: ServiceClients;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const expireEveryMs = 3_600_000;
/** How old a figure of a scrape may be. */
const figuresMaxAgeMs = 1_000;

/** Starts a service's event traffic once all modules are initialised, and stops it before the connections close. */
export class ServiceRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: RuntimeOptions) {}

  async onApplicationBootstrap(): Promise<void> {
    const { events, tenants } = this.options;
    await tenants.start();
    events.subscriptions.add(tenants.subscription());
    this.addGauges();
    await events.start();
    this.timer = setInterval(() => void this.expireRequests(), expireEveryMs);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.options.events.stop();
    await this.options.tenants.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.options.clients.close();
    await this.options.database.close();
  }

  private addGauges(): void {
    const { service, metrics, events, database } = this.options;
    const gauge = (name: string, help: string, read: () => number | Promise<number>) => {
      metrics.gauges({ name, help, labelNames: ['service'] }, async () => [{ labels: { service }, value: await read() }]);
    };
    // One reading serves all gauges of a scrape.
    const read = sharedReading(() => events.gauges(), figuresMaxAgeMs);
    gauge('q2_outbox_backlog', 'Events committed and not yet published', async () => (await read()).outboxRows);
    gauge(
      'q2_outbox_oldest_seconds',
      'How long the oldest event not yet published waits',
      async () => (await read()).outboxOldestMs / 1000,
    );
    gauge('q2_outbox_partitions', 'Partitions of the outbox that this replica publishes', async () => (await read()).outboxPartitions);
    gauge('q2_events_parked', 'Failed events waiting to be tried again, with those behind them', async () => (await read()).parkedEvents);
    gauge('q2_dead_letters', 'Events that consumers gave up on', async () => (await read()).deadLetters);
    gauge('q2_database_pool_size', 'Connections for tenant transactions', () => database.pool.size);
    gauge('q2_database_pool_in_use', 'Connections that transactions hold', () => database.pool.inUse);
    gauge('q2_database_pool_waiting', 'Transactions that wait for a connection', () => database.pool.waiting);
  }

  private async expireRequests(): Promise<void> {
    try {
      await this.options.requests.expire();
    } catch (error) {
      this.options.logger.warn(
        { err: error, service: this.options.service },
        'old request records could not be removed; trying again in an hour',
      );
    }
  }
}
