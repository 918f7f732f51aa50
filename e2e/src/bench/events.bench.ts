import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { monitoringEvents } from '@q2/contracts';
import { Database, startEmbeddedPostgres } from '@q2/database';
import { Outbox, Subscriptions, topicOf } from '@q2/events';
import { ServiceModule } from '@q2/service-kit';
import { startTestPlatform } from '@q2/testing';
import { quantile } from './quantile.js';
import type { Report } from './report.js';

const perSecond = 500;
const seconds = 10;
const warmUpEvents = 500;
const tenantCount = 20;

/** When each event was in its outbox, before the commit, and how long it took from there to its handler's commit. */
const sentAt = new Map<string, number>();
const latenciesMs: number[] = [];
let sentCount = 0;

@Module({ imports: [ServiceModule.register({ name: 'bench-producer', schema: { name: 'bench_producer', entities: [], migrations: [] } })] })
class ProducerModule {
  constructor(
    @Inject(Database) readonly database: Database,
    @Inject(Outbox) readonly outbox: Outbox,
  ) {}
}

@Module({ imports: [ServiceModule.register({ name: 'bench-consumer', schema: { name: 'bench_consumer', entities: [], migrations: [] } })] })
class ConsumerModule implements OnModuleInit {
  constructor(@Inject(Subscriptions) private readonly subscriptions: Subscriptions) {}
  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'bench.measure',
      topics: [topicOf(monitoringEvents.HealthDegradedSchema)],
      handle: (tx, event) => {
        tx.afterCommit(() => latenciesMs.push(performance.now() - (sentAt.get(event.key) ?? Number.NaN)));
        return Promise.resolve();
      },
    });
  }
}

/** From outbox to handler on the database bus, on a PostgreSQL that syncs every commit to disk. */
export async function benchEvents(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'q2-bench-'));
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres') });
  const platform = await startTestPlatform({
    modules: [ProducerModule, ConsumerModule],
    databaseUrl: postgres.url,
    environment: { DATABASE_POOL_SIZE: '24' },
  });
  try {
    const producer = platform.get(ProducerModule);
    await publish(producer, warmUpEvents);
    await waitFor(warmUpEvents);
    latenciesMs.length = 0;
    await publish(producer, perSecond * seconds);
    await waitFor(perSecond * seconds);
    const [p50, p99] = [quantile(latenciesMs, 0.5), quantile(latenciesMs, 0.99)];
    report.add({
      name: `outbox to handler, database bus, ${perSecond} events/s of ${tenantCount} tenants for ${seconds} s`,
      measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${latenciesMs.length} events`,
      goal: 'p99 under 100 ms',
      isMet: p99 < 100,
    });
  } finally {
    await platform.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Publishes at the steady rate, each event in a transaction of its own. */
async function publish({ database, outbox }: ProducerModule, count: number): Promise<void> {
  const startedAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueAt = startedAt + (index * 1000) / perSecond;
    if (dueAt > performance.now()) await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
    // A key for each event, so that its latency can be told; the tenants are what is shared.
    const tenant = `bench-${index % tenantCount}`;
    const key = `tenants/${tenant}/health/${sentCount++}`;
    pending.push(
      database.inTenant(tenant, async (tx) => {
        await outbox.add(tx, { type: monitoringEvents.HealthDegradedSchema, key, data: { target: key, score: 50 } });
        sentAt.set(key, performance.now());
      }),
    );
  }
  await Promise.all(pending);
}

async function waitFor(count: number): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (latenciesMs.length < count) {
    if (performance.now() > giveUpAt) throw new Error(`only ${latenciesMs.length} of ${count} events arrived`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
