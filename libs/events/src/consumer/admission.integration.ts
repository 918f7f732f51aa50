import type { Database, Tx } from '@q2/database';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { NotFound, Unavailable } from '@q2/errors';
import { contractSchema, effects, eventMessage, eventually, silentLog, writeEffect } from '../contract/contract-world.js';
import type { ReceivedEvent } from '../event.js';
import type { BusConsumer, BusMessage, BusRecord, BusSubscription, EventBus } from '../event-bus.port.js';
import { ServiceEvents } from '../service-events.js';
import { UnprocessableEvent } from '../unprocessable.js';
import type { SettledRecord } from './record-admission.js';

const topic = 'q2.contract.events.v1';

/** A bus whose records the test hands to the one consumer itself, and that can be away for publishing. */
class HandBus implements EventBus {
  readonly system = 'postgresql';
  readonly published: BusMessage[] = [];
  isAway = false;
  private handler: BusSubscription['handle'] = () => Promise.resolve();
  private offset = 0;

  subscribe({ handle }: BusSubscription): Promise<BusConsumer> {
    this.handler = handle;
    return Promise.resolve({ stop: () => Promise.resolve() });
  }

  publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.isAway) return Promise.reject(new Error('no broker'));
    this.published.push(...messages);
    return Promise.resolve();
  }

  /** Delivers as one batch. */
  deliver(...messages: readonly BusMessage[]): Promise<void> {
    const records: BusRecord[] = messages.map((message) => ({
      ...{ ...message, partition: 0, offset: String((this.offset += 1)), storedAt: new Date() },
    }));
    return this.handler(records);
  }

  lag() {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('a subscription to records from outside', () => {
  let server: TestDatabase;
  let database: Database;
  const running: ServiceEvents[] = [];
  let consumers = 0;

  beforeAll(async () => {
    server = await startTestDatabase();
    database = await server.database(contractSchema);
  });
  afterEach(async () => {
    for (const events of running.splice(0)) await events.stop();
  });
  afterAll(() => server.stop());

  /** A consumer of records that say in the header `verdict` what their admission comes to. */
  async function start(act: (event: ReceivedEvent) => void = () => undefined) {
    const consumer = `outside.c${String((consumers += 1))}`;
    const bus = new HandBus();
    const settled: SettledRecord[] = [];
    const world = { isTenantManagerAway: false };
    const retryPolicy = { tries: 2, firstDelayMs: 20, factor: 1, maxDelayMs: 20 };
    const events = new ServiceEvents({ service: 'contract', database, bus, log: silentLog, retryPolicy });
    events.subscriptions.add({
      consumer,
      topics: [topic],
      admission: {
        admit: (record) => {
          if (world.isTenantManagerAway) return Promise.reject(new Unavailable('AWAY', 'away'));
          const { verdict, authorization: _credential, ...headers } = record.headers;
          if (verdict !== undefined) return Promise.reject(new UnprocessableEvent(verdict, `refused for ${verdict}`));
          return Promise.resolve({ ...record, headers });
        },
        redact: (message) => ({ ...message, headers: { ce_id: message.headers['ce_id'] ?? '' } }),
        onSettled: (one) => settled.push(one),
      },
      handle: async (tx: Tx, event) => {
        await writeEffect(tx, consumer, event);
        act(event);
      },
    });
    await events.start();
    running.push(events);
    return { bus, events, consumer, settled, world };
  }

  const record = (id: string, headers: Record<string, string> = {}, key = 'k') => {
    const message = eventMessage(topic, key, id);
    return { ...message, headers: { ...message.headers, authorization: 'Bearer secret', ...headers } };
  };
  const rowsOf = async (consumer: string) => {
    const counted = (table: string) => `(select count(*) from ${table} where consumer = $1)`;
    const sql = `select array[${['inbox_event', 'parked_event', 'dead_letter'].map(counted).join(', ')}]::int[] as counts`;
    const [row] = await database.acrossTenants('inbox', (tx) => tx.query<{ counts: number[] }>(sql, [consumer]));
    return row?.counts ?? [];
  };

  it('refuses to the dead letters what its admission refuses, and keeps no row of it', async () => {
    const { bus, consumer, settled } = await start();
    await bus.deliver(record('1'), record('2', { verdict: 'NO_CREDENTIAL' }), record('3'), record('4', { verdict: 'NO_TENANT' }));
    expect(await effects(database, consumer)).toEqual(['1', '3']);
    expect(bus.published.map(({ headers }) => headers)).toEqual([
      { ce_id: '2', dlq_consumer: consumer, dlq_reason: 'NO_CREDENTIAL', dlq_error: 'refused for NO_CREDENTIAL', dlq_tries: '0' },
      { ce_id: '4', dlq_consumer: consumer, dlq_reason: 'NO_TENANT', dlq_error: 'refused for NO_TENANT', dlq_tries: '0' },
    ]);
    expect(bus.published.map((message) => message.topic)).toEqual([`${topic}.dlq`, `${topic}.dlq`]);
    expect(await rowsOf(consumer)).toEqual([2, 0, 0]);
    expect(settled.map(({ outcome, reason }) => `${outcome} ${reason}`.trim()).sort()).toEqual([
      'accepted',
      'accepted',
      'refused NO_CREDENTIAL',
      'refused NO_TENANT',
    ]);
  });

  it('knows an event by its source and id', async () => {
    const { bus, consumer, settled } = await start();
    await bus.deliver(record('1'), record('1'), record('1', { ce_source: '/other' }));
    await bus.deliver(record('1'));
    expect(await effects(database, consumer)).toEqual(['1', '1']);
    expect(settled.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(2);
  });

  it('has the batch come again, and nothing told, while a verdict cannot be had', async () => {
    const { bus, consumer, settled, world } = await start();
    world.isTenantManagerAway = true;
    const batch = [record('1', { verdict: 'BAD' }), record('2')];
    await expect(bus.deliver(...batch)).rejects.toMatchObject({ reason: 'AWAY' });
    await expect(bus.deliver(...batch)).rejects.toMatchObject({ reason: 'AWAY' });
    expect([bus.published, settled]).toEqual([[], []]);
    world.isTenantManagerAway = false;
    await bus.deliver(...batch);
    expect(bus.published).toHaveLength(1);
    expect(await effects(database, consumer)).toEqual(['2']);
  });

  it('has the batch come again where a refusal cannot be published, and acts once all the same', async () => {
    const { bus, consumer } = await start();
    bus.isAway = true;
    const batch = [record('1'), record('2', { verdict: 'BAD' })];
    await expect(bus.deliver(...batch)).rejects.toThrow('no broker');
    bus.isAway = false;
    await bus.deliver(...batch);
    expect(bus.published).toHaveLength(1);
    expect(await effects(database, consumer)).toEqual(['1']);
  });

  it('refuses without a row what its handler refuses, and takes it when it comes again and is right', async () => {
    let isRight = false;
    const { bus, consumer } = await start(({ id }) => {
      if (id === 'early' && !isRight) throw new UnprocessableEvent('TOO_EARLY', 'not yet');
    });
    await bus.deliver(record('1'), record('early'), record('3'));
    expect(await effects(database, consumer)).toEqual(['1', '3']);
    expect(bus.published[0]?.headers).toMatchObject({ dlq_reason: 'TOO_EARLY' });
    expect(await rowsOf(consumer)).toEqual([2, 0, 0]);
    isRight = true;
    await bus.deliver(record('early'));
    expect(await effects(database, consumer)).toEqual(['1', '3', 'early']);
  });

  it('never gives up on a record while something of the platform is away', async () => {
    let tries = 0;
    const { bus, consumer, settled } = await start(() => {
      if ((tries += 1) < 6) throw new Unavailable('AWAY', 'away');
    });
    await bus.deliver(record('patient'));
    await eventually(async () => (await effects(database, consumer)).length === 1);
    await eventually(() => settled.length === 1);
    expect([tries, settled[0]?.outcome]).toEqual([6, 'accepted']);
    expect(await rowsOf(consumer)).toEqual([1, 0, 0]);
  });

  it('tells the dead letters, and keeps nothing, where a record is refused only when it is tried again', async () => {
    let tries = 0;
    const { bus, consumer, settled } = await start(() => {
      tries += 1;
      throw tries === 1 ? new Unavailable('AWAY', 'away') : new UnprocessableEvent('GONE', 'gone by now');
    });
    await bus.deliver(record('late'));
    await eventually(() => bus.published.length === 1);
    await eventually(() => settled.length === 1);
    expect(bus.published[0]?.headers).toMatchObject({ dlq_reason: 'GONE', ce_id: 'late' });
    expect(settled).toEqual([{ topic, outcome: 'refused', reason: 'GONE' }]);
    expect(await rowsOf(consumer)).toEqual([0, 0, 0]);
  });

  it('keeps a bounded number of dead letters, without credentials, and tells the topic of all', async () => {
    const { bus, consumer, events, settled } = await start(() => {
      throw new NotFound('FAULT', 'a fault of ours');
    });
    await database.inTenant('acme', (tx) =>
      tx.execute(
        `insert into dead_letter (tenant_id, id, consumer, event_id, topic, key, headers, data, reason, error, tries)
         select 'acme', uuidv7(), $1, n::text, 't', 'k', '{}', '', 'OLD', 'old', 1 from generate_series(1, 999) n`,
        [consumer],
      ),
    );
    await bus.deliver(record('kept', {}, 'a'));
    await eventually(() => bus.published.length === 1);
    await bus.deliver(record('told', {}, 'b'));
    await eventually(() => bus.published.length === 2);
    await eventually(() => settled.length === 2);
    expect(settled).toEqual(Array.from({ length: 2 }, () => ({ topic, outcome: 'failed', reason: 'RETRIES_EXHAUSTED' })));
    const [newest] = await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer, pageSize: 1 });
    expect(newest).toMatchObject({ eventId: 'services/contract kept', headers: { ce_id: 'kept' } });
    expect((await rowsOf(consumer))[2]).toBe(1_000);
    expect(bus.published.map(({ headers }) => typeof headers['dlq_id'])).toEqual(['string', 'undefined']);
  });
});
