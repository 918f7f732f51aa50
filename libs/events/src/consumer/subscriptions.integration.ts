import { AsyncLocalStorage } from 'node:async_hooks';
import { context, propagation, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api';
import { auditEvents } from '@q2/contracts';
import { listTenantTables, type Database } from '@q2/database';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { contractSchema, effects, eventMessage, eventually, silentLog, writeEffect } from '../contract/contract-world.js';
import type { BusConsumer, BusMessage, BusRecord, BusSubscription, EventBus } from '../event-bus.port.js';
import { ServiceEvents } from '../service-events.js';
import type { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import { Outbox } from '../outbox/outbox.js';

const topic = 'q2.contract.events.v1';

/** A bus whose records the test hands to the consumers itself. */
class HandBus implements EventBus {
  readonly system = 'postgresql';
  readonly published: BusMessage[] = [];
  private readonly handlers = new Map<string, BusSubscription['handle']>();
  private offset = 0;

  subscribe(subscription: BusSubscription): Promise<BusConsumer> {
    this.handlers.set(subscription.group, (records) => subscription.handle(records));
    return Promise.resolve({ stop: () => Promise.resolve() });
  }

  publish(messages: readonly BusMessage[]): Promise<void> {
    this.published.push(...messages);
    return Promise.resolve();
  }

  /** Delivers as one batch of one partition. */
  async deliver(group: string, messages: readonly BusMessage[], partition = 0): Promise<void> {
    const records: BusRecord[] = messages.map((message) => ({
      ...message,
      partition,
      offset: String(this.offset++),
      storedAt: new Date(),
    }));
    await this.handlers.get(group)?.(records);
  }

  lag() {
    return Promise.resolve([...this.handlers.keys(), 'another-service.consumer'].map((group) => ({ group, topic, records: 3 })));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('Subscriptions', () => {
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

  /** A replica of a service with one consumer. */
  async function start(handle: Subscription['handle'], consumer = `contract.c${String((consumers += 1))}`) {
    const bus = new HandBus();
    const retryPolicy = { tries: 3, firstDelayMs: 100, factor: 2, maxDelayMs: 1_000 };
    const events = new ServiceEvents({ service: 'contract', database, bus, log: silentLog, retryPolicy });
    events.subscriptions.add({ consumer, topics: [topic], handle });
    await events.start();
    running.push(events);
    return { bus, events, consumer };
  }

  const messages = (key: string, ...ids: string[]) => ids.map((id) => eventMessage(topic, key, id));

  it('handles events of several partitions in one transaction, those of each tenant on their own', async () => {
    const transactions = new Map<string, Set<unknown>>();
    const { bus, consumer } = await start(async (tx, event) => {
      transactions.set(event.tenant, (transactions.get(event.tenant) ?? new Set()).add(tx));
      await writeEffect(tx, consumer, event);
    });
    const ofTenant = (tenant: string) => ['1', '2'].map((id) => eventMessage(topic, `${tenant}-key`, `${tenant}-${id}`, tenant));
    await Promise.all([
      bus.deliver(consumer, [...ofTenant('acme'), ...ofTenant('globex')], 0),
      bus.deliver(consumer, messages('other', 'acme-3'), 1),
    ]);
    expect(transactions.get('acme')?.size).toBe(1);
    expect(transactions.get('globex')?.size).toBe(1);
    expect((await effects(database, consumer)).sort()).toEqual(['acme-1', 'acme-2', 'acme-3', 'globex-1', 'globex-2']);
  });

  it('undoes what a failing event wrote, and keeps what the others wrote', async () => {
    const { bus, consumer, events } = await start(async (tx, event) => {
      await writeEffect(tx, consumer, event);
      if (event.id === 'bad') throw new Error('after writing');
    });
    await bus.deliver(consumer, [...messages('a', 'good-1'), ...messages('b', 'bad'), ...messages('c', 'good-2')]);
    expect(await effects(database, consumer)).toEqual(['good-1', 'good-2']);
    expect((await events.gauges()).parkedEvents).toBe(1);
    await eventually(async () => (await events.gauges()).deadLetters >= 1);
    expect(await events.gauges()).toMatchObject({ parkedEvents: 0 });
    await eventually(async () => (await events.gauges()).outboxRows === 0);
  });

  it('keeps the order of a key behind a failing event, also where another replica gets the later ones', async () => {
    let isBroken = true;
    const handle =
      (name: string): Subscription['handle'] =>
      async (tx, event) => {
        if (event.id === 'first' && isBroken) throw new Error('broken');
        await writeEffect(tx, name, event);
      };
    const name = `contract.c${String((consumers += 1))}`;
    const [one, two] = [await start(handle(name), name), await start(handle(name), name)];
    await one.bus.deliver(name, messages('k', 'first'));
    await two.bus.deliver(name, messages('k', 'second', 'third'));
    await two.bus.deliver(name, messages('k', 'second'));
    expect(await effects(database, name)).toEqual([]);
    isBroken = false;
    await eventually(async () => (await effects(database, name)).length === 3);
    expect(await effects(database, name)).toEqual(['first', 'second', 'third']);
    await one.bus.deliver(name, messages('k', 'first', 'second', 'third', 'fourth'));
    expect((await one.events.gauges()).parkedEvents).toBe(0);
    expect(await effects(database, name)).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('goes on with the key after the failing event became a dead letter, and lists dead letters by page', async () => {
    const { bus, consumer, events } = await start(async (tx, event) => {
      if (event.id.startsWith('bad')) throw new Error('never');
      await writeEffect(tx, consumer, event);
    });
    await bus.deliver(consumer, messages('k', 'bad-1', 'bad-2', 'good'));
    await eventually(async () => (await effects(database, consumer)).includes('good'));
    const [newest, ...rest] = await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer, pageSize: 1 });
    expect(rest).toEqual([]);
    expect(newest?.eventId).toBe('bad-2');
    const next = await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer, after: newest?.id ?? '' });
    expect(next.map((letter) => letter.eventId)).toEqual(['bad-1']);
    expect(await events.subscriptions.listDeadLetters({ tenant: 'globex' })).toEqual([]);
    await expect(events.subscriptions.replayDeadLetter('globex', newest?.id ?? '')).rejects.toMatchObject({
      reason: 'DEAD_LETTER_NOT_FOUND',
    });
    await eventually(() => bus.published.filter((message) => message.topic === `${topic}.dlq`).length === 2);
  });

  it('handles an event that two replicas get at once for one of them only', async () => {
    const name = `contract.c${String((consumers += 1))}`;
    const handle: Subscription['handle'] = (tx, event) => writeEffect(tx, name, event);
    const replicas = await Promise.all([1, 2, 3].map(() => start(handle, name)));
    const ids = Array.from({ length: 40 }, (_, index) => String(index));
    await Promise.all(replicas.map(({ bus }) => bus.deliver(name, messages('k', ...ids))));
    expect(await effects(database, name)).toEqual(ids);
  });

  it('does not count a try where the database was away: the batch comes again', async () => {
    const own = await server.database({ ...contractSchema, name: 'contract_away' });
    const bus = new HandBus();
    const subscriptions = new Subscriptions({ database: own, bus, log: silentLog, outbox: new Outbox('s', () => undefined) });
    subscriptions.add({ consumer: 'contract.away', topics: [topic], handle: (tx, event) => writeEffect(tx, 'contract.away', event) });
    await subscriptions.start();
    await subscriptions.stop();
    await own.close();
    await expect(bus.deliver('contract.away', messages('k', '1', '2'))).rejects.toThrow();
  });

  it('accepts a consumer once, and before consumption starts', async () => {
    const { events, consumer } = await start(() => Promise.resolve());
    const late = { consumer: 'contract.late', topics: [topic], handle: () => Promise.resolve() };
    expect(() => events.subscriptions.add(late)).toThrow('contract.late subscribes too late');
    const fresh = new Subscriptions({ database, bus: new HandBus(), log: silentLog, outbox: events.outbox });
    fresh.add({ ...late, consumer });
    expect(() => fresh.add({ ...late, consumer })).toThrow(`there is a consumer ${consumer} already`);
  });

  it('forgets after the retention that an event was handled', async () => {
    const bus = new HandBus();
    const options = { database, bus, log: silentLog, outbox: new Outbox('s', () => undefined) };
    const marks = () =>
      database.acrossTenants('inbox', (tx) => tx.query(`select from inbox_event where consumer = 'contract.old' or event_id = 'ancient'`));
    await database.inTenant('acme', (tx) =>
      tx.execute(
        `insert into inbox_event values ('acme', 'contract.old', 'ancient', now() - interval '15 days'), ('acme', 'contract.old', 'recent', now() - interval '13 days')`,
      ),
    );
    const subscriptions = new Subscriptions(options);
    subscriptions.add({ consumer: 'contract.old', topics: [topic], handle: () => Promise.resolve() });
    await subscriptions.start();
    await eventually(async () => (await marks()).length === 1);
    await subscriptions.stop();
  });

  it('continues the trace of the change in the handler', async () => {
    const restore = traceEverything();
    const seen: (string | undefined)[] = [];
    const { bus, consumer, events } = await start((_tx, event) => {
      seen.push(event.traceparent, trace.getSpanContext(context.active())?.traceId);
      return Promise.resolve();
    });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const change = trace.setSpanContext(context.active(), { traceId, spanId: 'b7ad6b7169203331', traceFlags: 1 });
    await context.with(change, () =>
      database.inTenant('acme', (tx) => events.outbox.add(tx, { type: auditEvents.UsageRecordedSchema, data: {}, key: 'k' })),
    );
    await eventually(() => bus.published.length > 0);
    await bus.deliver(consumer, bus.published);
    expect(seen).toEqual([`00-${traceId}-b7ad6b7169203331-01`, traceId]);
    restore();
  });

  it('keeps every table of tenants isolated', async () => {
    const tables = await database.acrossTenants('inbox', (tx) => listTenantTables(tx, ['contract']));
    expect(tables.map(({ table }) => table)).toEqual(['dead_letter', 'effect', 'inbox_event', 'outbox_event', 'parked_event']);
    expect(tables.filter(({ isSecured, isForced, isKeyedByTenant }) => !(isSecured && isForced && isKeyedByTenant))).toEqual([]);
  });
});

/** W3C propagation and a context manager as an SDK installs them, no more than the test needs. */
function traceEverything(): () => void {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (next, work, self, ...parameters) => storage.run(next, () => work.call(self, ...parameters)),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator({
    fields: () => ['traceparent'],
    inject: (from, carrier, setter) => {
      const span = trace.getSpanContext(from);
      if (span !== undefined) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
    },
    extract: (onto, carrier, getter) => {
      const [, traceId = '', spanId = ''] = String(getter.get(carrier, 'traceparent')).split('-');
      return trace.setSpanContext(onto, { traceId, spanId, traceFlags: 1, isRemote: true });
    },
  });
  return () => {
    context.disable();
    propagation.disable();
  };
}
