import { ServiceEvents, Turns, type Outbox } from '@q2/events';
import type { Database } from '@q2/database';
import { quantile } from '../quantile.js';
import type { Report } from '../report.js';
import { benchLog, connectService, instantMs, tenantCount, timedEvent, type BenchServers } from './bench-world.js';
import { TimingConsumer } from './timing-consumer.js';

const seconds = 10;

interface Load {
  readonly perSecond: number;
  /** Events announced by one transaction, all of one tenant. */
  readonly perTransaction: number;
}

/** A broker that has just begun is slow until its code is compiled. */
const warmUpSeconds = 10;
const warmUp: Load = { perSecond: 1_000, perTransaction: 5 };
const loads: readonly Load[] = [
  { perSecond: 500, perTransaction: 1 },
  { perSecond: 5_000, perTransaction: 10 },
];

/**
 * From outbox to handler through Kafka: one process produces and relays, another consumes. Each event is timed from when it is put into
 * the outbox, before its transaction commits, until its handler's transaction has committed. Where the generator is late, the event
 * begins late: that is no latency of the system, and is told separately.
 */
export async function benchLatency(report: Report, servers: BenchServers): Promise<void> {
  const { database, bus } = await connectService(servers, 'bench_producer');
  const events = new ServiceEvents({ service: 'bench-producer', database, bus, log: benchLog });
  const consumer = new TimingConsumer(servers);
  try {
    await events.start();
    await publish(database, events.outbox, warmUp, warmUpSeconds);
    await consumer.collect(warmUp.perSecond * warmUpSeconds);
    for (const load of loads) {
      const lateMs = await publish(database, events.outbox, load, seconds);
      const { count, p50Ms, p99Ms } = await consumer.collect(load.perSecond * seconds);
      report.note(
        `outbox to handler through Kafka, ${load.perSecond} events/s of ${tenantCount} tenants, ${load.perTransaction} a transaction, ${seconds} s`,
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms of ${count} events (generator late by ${lateMs.toFixed(1)} ms at p99, not counted)`,
      );
    }
  } finally {
    await consumer.stop();
    await events.stop();
    await bus.close();
    await database.close();
  }
}

/** One that would be over it begins later: the generator is then late. */
const transactionsAtOnce = 100;
let sentCount = 0;

/** Publishes at a steady rate. Gives how late transactions began, at the 99th percentile. */
async function publish(database: Database, outbox: Outbox, { perSecond, perTransaction }: Load, forSeconds: number): Promise<number> {
  const transactions = (perSecond * forSeconds) / perTransaction;
  const everyMs = (1_000 * perTransaction) / perSecond;
  const startedAt = performance.now();
  const latenessMs: number[] = [];
  const pending: Promise<void>[] = [];
  const turns = new Turns(transactionsAtOnce);
  for (let index = 0; index < transactions; index += 1) {
    const dueAt = startedAt + index * everyMs;
    if (dueAt > performance.now()) await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
    const transaction = () => {
      latenessMs.push(performance.now() - dueAt);
      return announce(database, outbox, `bench-${index % tenantCount}`, perTransaction);
    };
    pending.push(turns.take(transaction));
  }
  await Promise.all(pending);
  return quantile(latenessMs, 0.99);
}

function announce(database: Database, outbox: Outbox, tenant: string, count: number): Promise<void> {
  return database.inTenant(tenant, (tx) => {
    const alert = String(instantMs());
    const keys = Array.from({ length: count }, () => `tenants/${tenant}/health/${sentCount++ % 2_000}`);
    return outbox.addAll(
      tx,
      keys.map((key) => ({ type: timedEvent, key, data: { target: key, score: 50, alert } })),
    );
  });
}
