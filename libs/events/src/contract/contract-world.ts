import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { enableTenantIsolation, type Database, type ServiceSchema, type Tx } from '@q2/database';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { toBusMessage } from '../cloud-event.js';
import type { BusMessage, BusRecord, EventBus } from '../event-bus.port.js';
import type { EventLog } from '../event-log.js';
import type { ReceivedEvent } from '../event.js';
import { outboxMigrations } from '../outbox/outbox.migration.js';

/** What a driver's test provides. */
export interface BusContractSetup {
  /** A bus as one process has it, which knows these topics and their dead letters. All that a setup makes share one log. */
  makeBus(topics: readonly string[]): Promise<EventBus>;
  /** A connection to `contractSchema`, as one process has it. */
  makeDatabase(): Promise<Database>;
  /** Ends what the test has not ended. */
  stop(): Promise<void>;
}

/** Effects of the contract's handlers, in the order in which they happened. */
class CreateEffects1763000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table effect (
        tenant_id text not null, seq bigint generated always as identity, consumer text not null, key text not null, event_id text not null,
        primary key (tenant_id, seq)
      )`);
    await enableTenantIsolation(runner, 'effect');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}

/** Schema of the service that the contract plays. */
export const contractSchema: ServiceSchema = {
  name: 'contract',
  entities: [],
  migrations: [...outboxMigrations, CreateEffects1763000000100],
};

export const silentLog: EventLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Waits until `check` gives something else than false or undefined; fails with what `describe` says after a minute. */
export async function eventually<T>(
  check: () => Promise<T | false | undefined> | T | false | undefined,
  describe: () => unknown = () => '',
): Promise<T> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    const result = await check();
    if (result !== false && result !== undefined) return result;
    if (performance.now() > deadlineMs) throw new Error(`it has not happened within a minute: ${JSON.stringify(describe())}`);
    await sleep(20);
  }
}

/** A topic that no other test uses. */
export function freshTopic(): string {
  return `q2.contract${randomUUID().slice(0, 8)}.events.v1`;
}

/** A message without envelope: the port carries anything. */
export function plainMessage(topic: string, key: string, text: string): BusMessage {
  return { topic, key, headers: { number: text }, value: Buffer.from(text) };
}

/** An event in its envelope. `id` is the event's id too, so that tests can tell events apart. */
export function eventMessage(topic: string, key: string, id: string, tenant = 'acme'): BusMessage {
  const event = { id, key, tenant, type: `${topic}.Happened`, source: 'services/contract', time: new Date(), data: Buffer.from(id) };
  return toBusMessage({ ...event, topic });
}

export function textOf(record: BusRecord): string {
  return Buffer.from(record.value).toString();
}

/** Texts of the first arrival of each record, by key: what a consumer with an inbox acts on. */
export function firstArrivals(records: readonly BusRecord[]): Map<string, string[]> {
  const byKey = new Map<string, Set<string>>();
  for (const record of records) {
    const texts = byKey.get(record.key) ?? new Set();
    byKey.set(record.key, texts.add(textOf(record)));
  }
  return new Map([...byKey].map(([key, texts]) => [key, [...texts]]));
}

/** What a contract's handler does: one row, through the transaction given. */
export async function writeEffect(tx: Tx, consumer: string, event: ReceivedEvent): Promise<void> {
  await tx.execute('insert into effect (tenant_id, consumer, key, event_id) values ($1, $2, $3, $4)', [
    event.tenant,
    consumer,
    event.key,
    event.id,
  ]);
}

/** Ids of the events whose effects a consumer has left, in order, of one key or of all. */
export async function effects(database: Database, consumer: string, key?: string): Promise<string[]> {
  const rows = await database.acrossTenants('inbox', (tx) =>
    tx.query<{ event_id: string }>('select event_id from effect where consumer = $1 and ($2::text is null or key = $2) order by seq', [
      consumer,
      key ?? null,
    ]),
  );
  return rows.map((row) => row.event_id);
}
