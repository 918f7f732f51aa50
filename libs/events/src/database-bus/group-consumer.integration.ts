import { randomUUID } from 'node:crypto';
import type { Database } from '@q2/database';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { eventually, freshTopic, plainMessage, silentLog, textOf } from '../contract/contract-world.js';
import type { BusRecord } from '../event-bus.port.js';
import { Leases } from '../lease/leases.js';
import { busSchema } from './bus-schema.js';
import { DatabaseBus, type DatabaseBusOptions } from './database-bus.js';

describe('the database bus', () => {
  let server: TestDatabase;
  let database: Database;
  const buses: DatabaseBus[] = [];

  beforeAll(async () => {
    server = await startTestDatabase();
    database = await server.database(busSchema);
  });

  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.close();
  });

  afterAll(() => server.stop());

  function makeBus(options: Partial<DatabaseBusOptions> = {}): DatabaseBus {
    const bus = new DatabaseBus({ database, log: silentLog, member: randomUUID(), leaseMs: 1_200, pollMs: 100, ...options });
    buses.push(bus);
    return bus;
  }

  const count = (sql: string, ...params: unknown[]) =>
    database.inTenant('platform', async (tx) => Number((await tx.query<{ n: string }>(`select count(*) as n from ${sql}`, params))[0]?.n));

  it('replaces a member that died without a word', async () => {
    const topic = freshTopic();
    const dead = new Leases('dead', 800);
    const began = performance.now();
    await database.inTenant('platform', async (tx) => {
      const partitions = Array.from({ length: 8 }, (_, partition) => ({ topic, partition }));
      await dead.ensure(tx, 'heirs', partitions);
      expect((await dead.round(tx, 'heirs', [topic])).held).toHaveLength(8);
    });
    const records: BusRecord[] = [];
    const bus = makeBus();
    await bus.publish([plainMessage(topic, 'k', '1')]);
    const handle = (batch: readonly BusRecord[]) => Promise.resolve(void records.push(...batch));
    await bus.subscribe({ group: 'heirs', topics: [topic], handle });
    await eventually(() => records.length > 0);
    expect(performance.now() - began).toBeGreaterThanOrEqual(800);
    expect(records.map(textOf)).toEqual(['1']);
  });

  it('refuses positions of a lease that was lost meanwhile, also where the same member holds the partition again', async () => {
    const topic = freshTopic();
    const [slow, quick] = [new Leases('slow', 60_000), new Leases('quick', 60_000)];
    const stored = await database.inTenant('platform', async (tx) => {
      const take = async (leases: Leases) => {
        await tx.execute(`update partition_lease set expires_at = now() - interval '1 s' where group_name = 'fenced'`);
        await tx.execute(`update lease_member set expires_at = now() - interval '1 s' where group_name = 'fenced'`);
        const [lease] = (await leases.round(tx, 'fenced', [topic])).held;
        if (lease === undefined) throw new Error(`${leases.member} has not got the partition`);
        return lease;
      };
      await slow.ensure(tx, 'fenced', [{ topic, partition: 0 }]);
      const lost = await take(slow);
      await quick.store(tx, 'fenced', [{ ...(await take(quick)), position: '5' }]);
      await slow.store(tx, 'fenced', [{ ...lost, position: '9' }]);
      await slow.release(tx, 'fenced', [lost]);
      expect((await take(slow)).position).toBe('5');
      await slow.store(tx, 'fenced', [{ ...lost, position: '9' }]);
      return tx.query<{ position: string; holder: string }>(`select position, holder from partition_lease where group_name = 'fenced'`);
    });
    expect(stored).toEqual([{ position: '5', holder: 'slow' }]);
  });

  it('fetches by polling what no notification announced', async () => {
    const topic = freshTopic();
    const records: BusRecord[] = [];
    const bus = makeBus();
    const handle = (batch: readonly BusRecord[]) => Promise.resolve(void records.push(...batch));
    await bus.subscribe({ group: 'poller', topics: [topic], handle });
    await database.inTenant('platform', async (tx) => {
      await tx.execute('update topic_partition set next_offset = 1 where topic = $1 and partition = 3', [topic]);
      await tx.execute(`insert into log_record values ($1, 3, 0, 'k', '{}', 'silent')`, [topic]);
    });
    await eventually(() => records.length > 0);
    expect(records.map(textOf)).toEqual(['silent']);
  });

  it('goes through a long backlog batch by batch', async () => {
    const topic = freshTopic();
    const bus = makeBus({ batchSize: 10, pollMs: 60_000, leaseMs: 600_000 });
    await bus.publish(Array.from({ length: 95 }, (_, index) => plainMessage(topic, 'k', String(index))));
    const sizes: number[] = [];
    const records: BusRecord[] = [];
    const handle = (batch: readonly BusRecord[]) => {
      sizes.push(batch.length);
      return Promise.resolve(void records.push(...batch));
    };
    await bus.subscribe({ group: 'digger', topics: [topic], handle });
    await eventually(() => records.length === 95);
    expect(Math.max(...sizes)).toBe(10);
    expect(records.map(textOf)).toEqual(Array.from({ length: 95 }, (_, index) => String(index)));
  });

  it('stops without trying a rejected batch again', async () => {
    const topic = freshTopic();
    const bus = makeBus();
    let rejections = 0;
    const handle = () => Promise.reject(new Error(String((rejections += 1))));
    const consumer = await bus.subscribe({ group: 'stubborn', topics: [topic], handle });
    await bus.publish([plainMessage(topic, 'k', '1')]);
    await eventually(() => rejections >= 4);
    const rejectionsBefore = rejections;
    await consumer.stop();
    await consumer.stop();
    expect(rejections).toBe(rejectionsBefore);
    expect(await count(`partition_lease where group_name = 'stubborn' and holder is not null`)).toBe(0);
  });

  it('deletes records after the retention, and no others', async () => {
    const topic = freshTopic();
    const bus = makeBus({ retentionMs: 3_600_000 });
    await bus.publish(['old', 'new'].map((key) => plainMessage(topic, key, key)));
    await database.inTenant('platform', (tx) =>
      tx.execute(`update log_record set appended_at = now() - interval '2 hours' where topic = $1 and key = 'old'`, [topic]),
    );
    await bus.subscribe({ group: 'retained', topics: [topic], handle: () => Promise.resolve() });
    await eventually(async () => (await count('log_record where topic = $1', topic)) === 1);
    expect(await count(`log_record where topic = $1 and key = 'new'`, topic)).toBe(1);
  });

  it('publishes nothing where there is nothing', async () => {
    await makeBus().publish([]);
  });

  it('stops where the database is gone; its leases run out by themselves', async () => {
    const warnings: string[] = [];
    const own = await server.database({ ...busSchema, name: 'bus_gone' });
    const log = { ...silentLog, warn: (_details: object, message: string) => void warnings.push(message) };
    const bus = new DatabaseBus({ database: own, member: 'gone', log });
    await bus.subscribe({ group: 'gone', topics: [freshTopic()], handle: () => Promise.resolve() });
    await own.close();
    await bus.close();
    expect(warnings).toContain('partitions could not be handed over; their leases will run out');
  });

  it('goes on after its connections were cut, and loses nothing', async () => {
    const topic = freshTopic();
    const records: BusRecord[] = [];
    const bus = makeBus();
    const handle = (batch: readonly BusRecord[]) => Promise.resolve(void records.push(...batch));
    await bus.subscribe({ group: 'survivor', topics: [topic], handle });
    await bus.publish([plainMessage(topic, 'k', 'before')]);
    await eventually(() => records.length === 1);
    await database
      .inTenant('platform', (tx) => tx.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user'))
      .catch(() => undefined);
    await eventually(() =>
      bus.publish([plainMessage(topic, 'k', 'after')]).then(
        () => true,
        () => false,
      ),
    );
    await eventually(() => records.map(textOf).includes('after'));
    expect([...new Set(records.map(textOf))]).toEqual(['before', 'after']);
  });
});
