import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { Outbox, Relay, ServiceEvents, toBusMessage, type EventBus } from '@q2/events';
import type { Database } from '@q2/database';
import { Kafka, logLevel } from 'kafkajs';
import type { Report } from '../report.js';
import { benchLog, connectService, massEvent, massTopic, tenantCount, type BenchServers } from './bench-world.js';
import { Progress, type Rate } from './progress.js';

/** Events in the outbox when the relay begins. */
const outboxCount = 50_000;
/** Records in the log, those of the relay included. */
const logCount = 200_000;
/** Records that the handlers get: as many as give a steady figure. */
const handledCount = 50_000;
const perTransaction = 500;
const perPublication = 2_000;
const rounds = 2;

/** How fast a full outbox empties into Kafka; then how fast records are consumed, by our paths and by kafkajs alone. */
export async function benchThroughput(report: Report, servers: BenchServers): Promise<void> {
  const { database, bus } = await connectService(servers, 'bench_mass');
  try {
    report.note(`relay, ${outboxCount} events of a full outbox into Kafka`, describe(await relayRate(database, bus)));
    await fillLog(bus);
    await benchConsumers(report, servers, { database, bus });
  } finally {
    await bus.close();
    await database.close();
  }
}

async function relayRate(database: Database, bus: EventBus): Promise<Rate> {
  await fillOutbox(database);
  const progress = new Progress(outboxCount);
  const counting: EventBus = {
    system: bus.system,
    publish: async (messages) => {
      await bus.publish(messages);
      progress.add(messages.length);
    },
    subscribe: (subscription) => bus.subscribe(subscription),
    lag: () => bus.lag(),
    close: () => bus.close(),
  };
  const relay = new Relay({ database, bus: counting, log: benchLog, member: 'bench' });
  progress.begin();
  await relay.start();
  const rate = await progress.rate();
  await relay.stop();
  return rate;
}

async function fillOutbox(database: Database): Promise<void> {
  const outbox = new Outbox('services/bench', () => undefined);
  for (let start = 0; start < outboxCount; start += perTransaction) {
    const tenant = `bench-${(start / perTransaction) % tenantCount}`;
    const events = Array.from({ length: perTransaction }, (_, index) => ({
      type: massEvent,
      key: `tenants/${tenant}/usage/${index}`,
      data: { quantity: BigInt(start + index) },
    }));
    await database.inTenant(tenant, (tx) => outbox.addAll(tx, events));
  }
}

/** The rest goes straight into the log, as a relay would put it there. */
async function fillLog(bus: EventBus): Promise<void> {
  for (let start = outboxCount; start < logCount; start += perPublication) {
    const messages = Array.from({ length: perPublication }, (_, index) => {
      const tenant = `bench-${index % tenantCount}`;
      const data = toBinary(massEvent, create(massEvent, { quantity: BigInt(start + index) }));
      const event = { id: randomUUID(), type: massEvent.typeName, source: 'services/bench', time: new Date(), tenant, data };
      return toBusMessage({ ...event, topic: massTopic, key: `tenants/${tenant}/usage/${index}` });
    });
    await bus.publish(messages);
  }
}

/**
 * From the wish to join the group until the last record: clients decode megabytes before they hand out the first one, so a clock that
 * began there would miss the work. In turns, so that all meet the same machine; the first round warms up.
 */
async function benchConsumers(report: Report, servers: BenchServers, service: { database: Database; bus: EventBus }): Promise<void> {
  const ways = {
    bare: (group: string) => bareRate(servers, group),
    bus: (group: string) => busRate(service.bus, group),
    handlers: (group: string) => handlerRate(service, group),
  };
  const measured = { bare: none, bus: none, handlers: none };
  for (let round = 0; round <= rounds; round += 1) {
    for (const way of ['bare', 'bus', 'handlers'] as const) {
      const rate = await ways[way](`bench.${way}.${round}`);
      if (round > 0) measured[way] = meanOf(measured[way], rate, round);
    }
  }
  const share = (rate: Rate) => `${((100 * rate.perSecond) / measured.bare.perSecond).toFixed(0)} % of bare kafkajs`;
  report.note('consumer, bare kafkajs eachBatch', describe(measured.bare));
  report.note('consumer, our bus with a trivial handler', `${describe(measured.bus)}; ${share(measured.bus)}`);
  report.note('consumer, inbox and trivial handler in transactions', `${describe(measured.handlers)}; ${share(measured.handlers)}`);
}

const none: Rate = { perSecond: 0, cpuMicros: 0 };

/** Takes the nth measurement into the mean of those before. */
function meanOf(mean: Rate, next: Rate, n: number): Rate {
  const weigh = (before: number, latest: number) => before + (latest - before) / n;
  return { perSecond: weigh(mean.perSecond, next.perSecond), cpuMicros: weigh(mean.cpuMicros, next.cpuMicros) };
}

function describe({ perSecond, cpuMicros }: Rate): string {
  return `${Math.round(perSecond)}/s, ${cpuMicros.toFixed(1)} µs of CPU each in its process`;
}

async function bareRate({ brokers }: BenchServers, groupId: string): Promise<Rate> {
  const kafka = new Kafka({ clientId: 'bare', brokers: [...brokers], logLevel: logLevel.ERROR });
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 });
  const progress = new Progress(logCount);
  progress.begin();
  await consumer.connect();
  await consumer.subscribe({ topic: massTopic, fromBeginning: true });
  const eachBatch = async ({ batch }: { batch: { messages: unknown[] } }) => {
    progress.add(batch.messages.length);
    return Promise.resolve();
  };
  await consumer.run({ eachBatch });
  const rate = await progress.rate();
  await consumer.disconnect();
  return rate;
}

async function busRate(bus: EventBus, group: string): Promise<Rate> {
  const progress = new Progress(logCount);
  const handle = (records: readonly unknown[]) => {
    progress.add(records.length);
    return Promise.resolve();
  };
  progress.begin();
  const consumer = await bus.subscribe({ group, topics: [massTopic], handle });
  const rate = await progress.rate();
  await consumer.stop();
  return rate;
}

async function handlerRate({ database, bus }: { database: Database; bus: EventBus }, consumer: string): Promise<Rate> {
  const progress = new Progress(handledCount);
  const events = new ServiceEvents({ service: 'bench', database, bus, log: benchLog });
  const handle = (tx: { afterCommit(work: () => void): void }) => {
    tx.afterCommit(() => {
      progress.add(1);
    });
    return Promise.resolve();
  };
  events.subscriptions.add({ consumer, topics: [massTopic], handle });
  progress.begin();
  await events.start();
  const rate = await progress.rate();
  await events.stop();
  return rate;
}
