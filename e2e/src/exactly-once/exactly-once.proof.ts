import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@q2/database';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { Outbox } from '@q2/events';
import { describeWithKafka, startTestKafka, type TestKafka } from '@q2/events/testing';
import { randomOf } from '../chaos/random.js';
import { effectsSchema, eventType } from './effects.js';
import { Worker } from './worker.js';

const eventsInAll = 100_000;
const kills = 10;
const keys = 1_000;
const tenants = 20;
/** Events stored in one statement. */
const batch = 1_000;
const seed = Number(process.env['Q2_SEED'] ?? '20261122');
const limitMs = 600_000;

/** Stores the next events of all keys in turn; each key's are numbered from 0. */
class Writer {
  written = 0;

  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  async write(count: number): Promise<void> {
    const end = this.written + count;
    const transactions: Promise<void>[] = [];
    // A key belongs to one tenant, and the transactions of a tenant follow one another.
    for (let tenant = 0; tenant < tenants; tenant += 1) transactions.push(this.writeOf(tenant, this.written, end));
    await Promise.all(transactions);
    this.written = end;
  }

  private async writeOf(tenant: number, start: number, end: number): Promise<void> {
    const name = `tenant-${tenant}`;
    const mine: number[] = [];
    for (let index = start; index < end; index += 1) if (index % tenants === tenant) mine.push(index);
    for (let at = 0; at < mine.length; at += batch) {
      await this.database.inTenant(name, async (tx) => {
        const events = mine.slice(at, at + batch).map((index) => {
          const key = `tenants/${name}/health/${index % keys}`;
          return { type: eventType, key, data: { target: key, score: Math.floor(index / keys) } };
        });
        await this.outbox.addAll(tx, events);
      });
    }
  }
}

interface Counts {
  readonly effects: number;
  readonly distinct: number;
  readonly out_of_order: number;
}

describeWithKafka(`${eventsInAll} events through outbox, relay, Kafka and handler`, () => {
  let server: TestDatabase;
  let kafka: TestKafka;
  let database: Database;
  const workers: Worker[] = [];

  beforeAll(async () => {
    [server, kafka] = await Promise.all([startTestDatabase(), startTestKafka()]);
    database = await server.database(effectsSchema, { poolSize: tenants, statementTimeoutMs: 120_000 });
  }, limitMs);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await Promise.all([server.stop(), kafka.stop()]);
  }, limitMs);

  const ask = async <Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row> => {
    const [row] = await database.acrossTenants('inbox', (tx) => tx.query<Row>(sql, parameters));
    if (row === undefined) throw new Error(`no answer to ${sql}`);
    return row;
  };
  const effects = async () => Number((await ask<{ n: string }>('select count(*) as n from effect')).n);
  const until = async (what: string, check: () => Promise<boolean>) => {
    const deadlineMs = performance.now() + limitMs;
    while (!(await check())) {
      if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${limitMs} ms; ${await effects()} effects`);
      await sleep(200);
    }
  };

  it(
    `have each effect exactly once and in order, although one of two consumers is killed ${kills} times`,
    async () => {
      const random = randomOf(seed);
      const startedAt = performance.now();
      const environment = { DATABASE_URL: server.url, KAFKA_BROKERS: kafka.brokers.join(',') };
      workers.push(new Worker('victim', environment), new Worker('survivor', environment));
      const [victim, survivor] = workers;
      if (victim === undefined || survivor === undefined) throw new Error('there must be two workers');
      for (const worker of workers) worker.start();
      const writer = new Writer(database, new Outbox('services/effects', () => undefined));
      const share = eventsInAll / (kills + 1);
      for (let round = 1; round <= kills; round += 1) {
        const { life } = victim;
        const isAtWork = async () => (await ask<{ is: boolean }>('select exists (select from effect where worker = $1) as is', [life])).is;
        await Promise.all([
          writer.write(Math.round(share * round) - writer.written),
          until(`the victim acts in its life ${round}`, isAtWork),
        ]);
        await sleep(random.between(0, 1_000));
        await victim.kill();
        victim.start();
      }
      await writer.write(eventsInAll - writer.written);
      await until('all effects', async () => (await effects()) >= eventsInAll);
      // What comes again must have come before it is counted.
      const backlog = async () => Number((await ask<{ n: string }>('select count(*) as n from outbox_event')).n);
      await until('an empty outbox', async () => (await backlog()) === 0);
      expect(await Promise.all(workers.map((worker) => worker.stop()))).toEqual([0, 0]);
      const seconds = (performance.now() - startedAt) / 1000;
      const counts = await ask<Counts>(
        `select count(*)::int as effects, count(distinct (key, number))::int as distinct,
           (count(*) filter (where number <> place))::int as out_of_order
         from (select key, number, row_number() over (partition by key order by seq) - 1 as place from effect) as e`,
      );
      const lives = await ask<{ n: number; victims: number }>(
        `select count(distinct worker)::int as n, (count(*) filter (where worker like 'victim%'))::int as victims from effect`,
      );
      const received = victim.received + survivor.received;
      console.log(
        [
          `measured: ${eventsInAll} events through outbox, relay, Kafka and handler, seed ${seed}:`,
          `${counts.distinct} distinct effects, ${counts.effects - counts.distinct} doubles, ${eventsInAll - counts.distinct} missing,`,
          `${counts.out_of_order} out of order; ${victim.kills} times killed with -9, ${received - eventsInAll} records came again,`,
          `${lives.victims} effects by the victim in its ${lives.n - 1} lives; ${seconds.toFixed(0)} s`,
        ].join(' '),
      );
      expect(counts).toEqual({ effects: eventsInAll, distinct: eventsInAll, out_of_order: 0 });
      expect(victim.kills).toBe(kills);
      expect(lives.n).toBeGreaterThan(kills);
    },
    limitMs,
  );
});
