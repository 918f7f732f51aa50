// One replica of the service that the proof plays: relays its share of the outbox, and acts on its share of the events.
import { Database } from '@q2/database';
import { decodeEvent, declareTopics, KafkaBus, ServiceEvents, type EventBus } from '@q2/events';
import { z } from 'zod';
import { effectsSchema, eventType, topic } from './effects.js';

const settings = z.object({ DATABASE_URL: z.string(), KAFKA_BROKERS: z.string(), WORKER: z.string() }).parse(process.env);
const { WORKER: worker } = settings;
const log = { info: () => undefined, warn: () => undefined, error: (details: object, message: string) => console.error(message, details) };

const database = await Database.connect({ url: settings.DATABASE_URL, schema: effectsSchema });
const kafka = await KafkaBus.connect({
  brokers: settings.KAFKA_BROKERS.split(','),
  clientId: worker,
  log,
  topics: declareTopics([topic]),
  sessionTimeoutMs: 6_000,
});

/** Says how many records arrive, handled before or not. Standard output is written before the call returns, whatever becomes of the process. */
const bus: EventBus = {
  system: kafka.system,
  publish: (messages) => kafka.publish(messages),
  lag: () => kafka.lag(),
  close: () => kafka.close(),
  subscribe: (subscription) =>
    kafka.subscribe({
      ...subscription,
      handle: (records) => {
        process.stdout.write(`${records.length}\n`);
        return subscription.handle(records);
      },
    }),
};

const events = new ServiceEvents({ service: 'effects', database, bus, log, member: worker, leaseMs: 3_000 });
events.subscriptions.add({
  consumer: 'effects.write',
  topics: [topic],
  handle: async (tx, event) => {
    const { score } = decodeEvent(eventType, event);
    await tx.execute('insert into effect (tenant_id, key, number, worker) values ($1, $2, $3, $4)', [
      event.tenant,
      event.key,
      score,
      worker,
    ]);
  },
});
await events.start();

async function end(): Promise<void> {
  await events.stop();
  await kafka.close();
  await database.close();
  process.exit(0);
}

process.once('SIGTERM', () => void end());
// Nothing stays behind where the proof itself is killed.
process.once('disconnect', () => process.exit(1));
