import { create } from '@bufbuild/protobuf';
import { auditEvents } from '@q2/contracts';
import type { Database } from '@q2/database';
import type { Subscription } from '../consumer/subscription.js';
import { decodeEvent, deadLetterTopicOf, eventJson, topicOf, type ReceivedEvent } from '../event.js';
import type { BusRecord, EventBus } from '../event-bus.port.js';
import { ServiceEvents } from '../service-events.js';
import { UnprocessableEvent } from '../unprocessable.js';
import {
  effects,
  eventMessage,
  eventually,
  freshTopic,
  plainMessage,
  silentLog,
  writeEffect,
  type BusContractSetup,
} from './contract-world.js';

/** One process of a service: its connection, its bus, its consumers. */
interface Process {
  readonly bus: EventBus;
  readonly database: Database;
  readonly events: ServiceEvents;
}

const quickRetries = { tries: 3, firstDelayMs: 50, factor: 2, maxDelayMs: 200 };

/** The part of the contract that concerns handlers: effects happen once and in order, failures end in dead letters. */
export function handlingContract(setup: () => BusContractSetup): void {
  const running: Process[] = [];

  async function start(...subscriptions: readonly Subscription[]): Promise<Process> {
    const topics = new Set(subscriptions.flatMap((subscription) => subscription.topics));
    const [bus, database] = await Promise.all([setup().makeBus([...topics]), setup().makeDatabase()]);
    const events = new ServiceEvents({ service: 'contract', database, bus, log: silentLog, retryPolicy: quickRetries, leaseMs: 3_000 });
    for (const subscription of subscriptions) events.subscriptions.add(subscription);
    await events.start();
    const process = { bus, database, events };
    running.push(process);
    return process;
  }

  async function stop(process: Process): Promise<void> {
    running.splice(running.indexOf(process), 1);
    await process.events.stop();
    await process.bus.close();
  }

  afterEach(async () => {
    for (const process of [...running]) await stop(process);
  });

  /** A consumer that notes each event, unless `refuse` throws. */
  function noting(topic: string, consumer: string, refuse: (event: ReceivedEvent) => void = () => undefined): Subscription {
    const handle: Subscription['handle'] = async (tx, event) => {
      await writeEffect(tx, consumer, event);
      refuse(event);
    };
    return { consumer, topics: [topic], handle };
  }

  describe('handling', () => {
    it('has each effect once, however often an event comes', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.once`;
      const { bus, database } = await start(noting(topic, consumer));
      const ids = Array.from({ length: 30 }, (_, index) => `event-${String(index)}`);
      const messages = ids.map((id) => eventMessage(topic, 'tenants/acme/models/churn', id));
      await bus.publish([...messages, ...messages]);
      await bus.publish(messages);
      await eventually(async () => (await effects(database, consumer)).length >= ids.length);
      await bus.publish([eventMessage(topic, 'tenants/acme/models/churn', 'last')]);
      await eventually(async () => (await effects(database, consumer)).includes('last'));
      expect(await effects(database, consumer)).toEqual([...ids, 'last']);
    });

    it('has each effect once where processes come and go', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.moving`;
      const [first, second] = [await start(noting(topic, consumer)), await start(noting(topic, consumer))];
      const ids = Array.from({ length: 200 }, (_, index) => `event-${String(index)}`);
      const publish = async (from: number, to: number) => {
        await second.bus.publish(
          ids.slice(from, to).map((id, index) => eventMessage(topic, `tenants/acme/models/m-${String(index % 9)}`, id)),
        );
      };
      await publish(0, 80);
      await stop(first);
      await publish(80, 140);
      const third = await start(noting(topic, consumer));
      await publish(140, 200);
      await stop(second);
      const seen = () => effects(third.database, consumer);
      await eventually(async () => (await seen()).length >= ids.length, seen);
      expect((await seen()).sort()).toEqual([...ids].sort());
    });

    it('carries an event from the transaction that announces it to a handler of its tenant', async () => {
      const consumer = `${freshTopic()}.typed`;
      const received: ReceivedEvent[] = [];
      const type = auditEvents.UsageRecordedSchema;
      const { database, events } = await start({
        consumer,
        topics: [topicOf(type)],
        types: [type.typeName],
        handle: async (tx, event) => {
          if (event.key === consumer) received.push(event);
          expect(tx.tenant).toBe(event.tenant);
          await writeEffect(tx, consumer, event);
        },
      });
      const before = Date.now();
      await database.inTenant('globex', async (tx) => {
        const data = { tenant: 'globex', resource: 'predictions', quantity: 7n };
        await events.outbox.add(tx, { type, data, key: consumer });
        await events.outbox.add(tx, { type: auditEvents.AuditRecordedSchema, data: { method: 'Other' }, key: consumer });
      });
      const event = await eventually(() => received[0]);
      expect(event).toMatchObject({
        tenant: 'globex',
        source: 'services/contract',
        type: 'q2.usage.events.v1.UsageRecorded',
        key: consumer,
      });
      expect(event.time.getTime()).toBeGreaterThanOrEqual(before - 1);
      expect(decodeEvent(type, event)).toEqual(create(type, { tenant: 'globex', resource: 'predictions', quantity: 7n }));
      expect(eventJson(event)).toEqual({ tenant: 'globex', resource: 'predictions', quantity: '7' });
      expect(() => decodeEvent(auditEvents.AuditRecordedSchema, event)).toThrow('is a q2.usage.events.v1.UsageRecorded, not a');
    });

    it('carries the trace of a change to the handler', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.traced`;
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const received: ReceivedEvent[] = [];
      const { bus } = await start(noting(topic, consumer, (event) => void received.push(event)));
      const message = eventMessage(topic, 'k', 'traced');
      await bus.publish([{ ...message, headers: { ...message.headers, traceparent } }]);
      expect(await eventually(() => received[0])).toMatchObject({ id: 'traced', traceparent });
    });

    it('announces nothing of a transaction that rolled back', async () => {
      const topic = topicOf(auditEvents.UsageRecordedSchema);
      const consumer = `${freshTopic()}.rolled-back`;
      const { database, events } = await start(noting(topic, consumer));
      const announce = (key: string, fail: boolean) =>
        database.inTenant('acme', async (tx) => {
          await events.outbox.add(tx, { type: auditEvents.UsageRecordedSchema, data: {}, key });
          if (fail) throw new Error('changed my mind');
        });
      await expect(announce(`${consumer}-1`, true)).rejects.toThrow('changed my mind');
      await announce(`${consumer}-2`, false);
      await eventually(async () => (await effects(database, consumer, `${consumer}-2`)).length === 1);
      expect(await effects(database, consumer, `${consumer}-1`)).toEqual([]);
    });
  });

  it('keeps the order of a key also where its events belong to different tenants', async () => {
    const topic = freshTopic();
    const consumer = `${topic}.slow-first`;
    const handle: Subscription['handle'] = async (tx, event) => {
      if (event.tenant === 'platform') await tx.query('select pg_sleep(0.1)');
      await writeEffect(tx, consumer, event);
    };
    const { bus, database } = await start({ consumer, topics: [topic], handle });
    const tenantOf = (index: number) => (index % 2 === 0 ? 'platform' : 'acme');
    const ids = ['t1', 't2', 't3', 't4'];
    await bus.publish(ids.map((id, index) => eventMessage(topic, 'tenants/acme', id, tenantOf(index))));
    await eventually(
      async () => (await effects(database, consumer)).length === ids.length,
      () => effects(database, consumer),
    );
    expect(await effects(database, consumer)).toEqual(ids);
  });

  describe('failing', () => {
    it('tries an event again, keeps the order of its key, and lets other keys go ahead', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.flaky`;
      let failures = 0;
      const { bus, database } = await start(
        noting(topic, consumer, ({ id }) => {
          if (id !== 'a1' || failures === 2) return;
          failures += 1;
          throw new Error('not yet');
        }),
      );
      await bus.publish(['a1', 'b1', 'a2', 'b2', 'a3'].map((id) => eventMessage(topic, `tenants/acme/models/${id.slice(0, 1)}`, id)));
      await eventually(
        async () => (await effects(database, consumer)).length === 5,
        () => effects(database, consumer),
      );
      expect(failures).toBe(2);
      expect(await effects(database, consumer, 'tenants/acme/models/a')).toEqual(['a1', 'a2', 'a3']);
      const order = await effects(database, consumer);
      expect(order.indexOf('b2')).toBeLessThan(order.indexOf('a1'));
    });

    it('moves a poisoned event to the dead letters with its reason, and goes on; a replay reaches the same consumer only', async () => {
      const topic = freshTopic();
      const [poisoned, healthy] = [`${topic}.poisoned`, `${topic}.healthy`];
      let isCured = false;
      const refuse = ({ id }: ReceivedEvent) => {
        if (id === 'bad' && !isCured) throw new Error('cannot digest this');
      };
      const { bus, database, events } = await start(noting(topic, poisoned, refuse), noting(topic, healthy));
      const buried: BusRecord[] = [];
      const bury = async (records: readonly BusRecord[]) => {
        buried.push(...records);
        await Promise.resolve();
      };
      await bus.subscribe({ group: `${topic}.morgue`, topics: [deadLetterTopicOf(topic)], handle: bury });
      await bus.publish(['one', 'bad', 'two'].map((id) => eventMessage(topic, 'tenants/acme/models/churn', id)));
      await eventually(async () => (await effects(database, poisoned)).includes('two'));
      await eventually(async () => (await effects(database, healthy)).length === 3);
      expect(await effects(database, poisoned)).toEqual(['one', 'two']);

      const [letter] = await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer: poisoned });
      expect(letter).toMatchObject({ eventId: 'bad', topic, reason: 'RETRIES_EXHAUSTED', error: 'Error: cannot digest this', tries: 3 });
      await eventually(() => buried.length > 0);
      expect(buried[0]?.headers).toMatchObject({ ce_id: 'bad', dlq_consumer: poisoned, dlq_reason: 'RETRIES_EXHAUSTED', dlq_tries: '3' });

      isCured = true;
      await events.subscriptions.replayDeadLetter('acme', letter?.id ?? '');
      await eventually(async () => (await effects(database, poisoned)).includes('bad'));
      expect(await effects(database, poisoned)).toEqual(['one', 'two', 'bad']);
      expect(await effects(database, healthy)).toEqual(['one', 'bad', 'two']);
      expect(await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer: poisoned })).toEqual([]);
    });

    it('gives up at once on what a handler says it can never process', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.strict`;
      let tries = 0;
      const { bus, events } = await start(
        noting(topic, consumer, () => {
          tries += 1;
          throw new UnprocessableEvent('OUTCOME_UNKNOWN_EXPERIMENT', 'there is no such experiment');
        }),
      );
      await bus.publish([eventMessage(topic, 'k', 'hopeless')]);
      const letters = await eventually(async () => {
        const found = await events.subscriptions.listDeadLetters({ tenant: 'acme', consumer });
        return found.length > 0 && found;
      });
      expect(letters).toMatchObject([{ reason: 'OUTCOME_UNKNOWN_EXPERIMENT', tries: 1 }]);
      expect(tries).toBe(1);
    });

    it('moves a record that is no event to the dead letters of the platform, whatever is in it', async () => {
      const topic = freshTopic();
      const consumer = `${topic}.careful`;
      const { bus, database, events } = await start(noting(topic, consumer));
      await bus.publish([plainMessage(topic, 'k', 'junk'), eventMessage(topic, 'k', 'fine')]);
      await eventually(async () => (await effects(database, consumer)).includes('fine'));
      const [letter] = await events.subscriptions.listDeadLetters({ tenant: 'platform', consumer });
      expect(letter).toMatchObject({ reason: 'EVENT_ENVELOPE_INVALID', headers: { number: 'junk' }, tries: 0 });
      expect(letter?.error).toContain('ce_tenant');
      await expect(events.subscriptions.replayDeadLetter('platform', letter?.id ?? '')).rejects.toMatchObject({
        reason: 'DEAD_LETTER_UNREADABLE',
      });
    });
  });
}
