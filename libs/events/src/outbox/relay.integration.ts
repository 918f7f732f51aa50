import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { auditEvents } from '@q2/contracts';
import { newId, type Database, type Tx } from '@q2/database';
import { startTestDatabase, type TestDatabase } from '@q2/database/testing';
import { contractSchema, eventually, silentLog } from '../contract/contract-world.js';
import type { BusMessage, EventBus } from '../event-bus.port.js';
import { partitionOf } from '../key-partition.js';
import { Outbox, outboxPartitions } from './outbox.js';
import { Relay, type RelayOptions } from './relay.js';

/** A bus that notes what is published, and can be made to fail or to hang. */
class RecordingBus implements EventBus {
  readonly system = 'postgresql';
  readonly published: BusMessage[] = [];
  before: () => Promise<void> = () => Promise.resolve();

  async publish(messages: readonly BusMessage[]): Promise<void> {
    await this.before();
    this.published.push(...messages);
  }

  keys(): string[] {
    return this.published.map((message) => message.key);
  }

  subscribe(): never {
    throw new Error('a relay only publishes');
  }

  lag(): Promise<[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Something that is let happen later. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

/** A key in each partition of the outbox. */
const keyOfPartition = Array.from({ length: outboxPartitions }, (_, partition) => {
  for (let number = 0; ; number += 1) if (partitionOf(`k${String(number)}`, outboxPartitions) === partition) return `k${String(number)}`;
});

describe('Relay', () => {
  let server: TestDatabase;
  let database: Database;
  const relays: Relay[] = [];

  beforeAll(async () => {
    server = await startTestDatabase();
    database = await server.database(contractSchema, { poolSize: 20 });
  });

  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.stop();
    await database.acrossTenants('outbox-relay', async (tx) => {
      await tx.execute('delete from outbox_event');
      await tx.execute('delete from partition_lease');
      await tx.execute('delete from lease_member');
    });
  });

  afterAll(() => server.stop());

  async function startRelay(bus: EventBus, options: Partial<RelayOptions> = {}): Promise<{ relay: Relay; outbox: Outbox }> {
    const member = `relay-${String(relays.length)}`;
    const relay = new Relay({ database, bus, member, log: silentLog, leaseMs: 1_500, pollMs: 100, ...options });
    relays.push(relay);
    await relay.start();
    const outbox = new Outbox('services/contract', (partition) => {
      relay.wake(partition);
    });
    return { relay, outbox };
  }

  function add(outbox: Outbox, tx: Tx, key: string, quantity = 0n): Promise<void> {
    return outbox.add(tx, { type: auditEvents.UsageRecordedSchema, data: { quantity }, key });
  }

  const rows = () => database.acrossTenants('outbox-relay', (tx) => tx.query<{ key: string }>('select key from outbox_event order by seq'));

  it('publishes a row that commits late, and lets nobody wait for it', async () => {
    const bus = new RecordingBus();
    const { outbox } = await startRelay(bus);
    const late = gate();
    const isAdded = gate();
    const slow = database.inTenant('acme', async (tx) => {
      await add(outbox, tx, 'late');
      isAdded.open();
      await late.opened;
    });
    await isAdded.opened;
    await database.inTenant('acme', (tx) => add(outbox, tx, 'quick'));
    await eventually(() => bus.keys().includes('quick'));
    await sleep(150);
    expect(bus.keys()).toEqual(['quick']);
    late.open();
    await slow;
    await eventually(() => bus.keys().includes('late'));
    await eventually(async () => (await rows()).length === 0);
    expect(bus.keys()).toEqual(['quick', 'late']);
  });

  it('publishes the changes of each aggregate in the order they were made, whoever makes them at once', async () => {
    const bus = new RecordingBus();
    const { outbox } = await startRelay(bus);
    const keys = ['m1', 'm2', 'm3'];
    await database.inTenant('acme', async (tx) => {
      for (const key of keys)
        await tx.execute(`insert into effect (tenant_id, consumer, key, event_id) values ('acme', 'counter', $1, '0')`, [key]);
    });
    const change = (key: string) =>
      database.inTenant('acme', async (tx) => {
        const [row] = await tx.query<{ n: string }>(
          `update effect set event_id = (event_id::int + 1)::text where tenant_id = 'acme' and consumer = 'counter' and key = $1 returning event_id as n`,
          [key],
        );
        await add(outbox, tx, key, BigInt(row?.n ?? -1));
      });
    await Promise.all(Array.from({ length: 150 }, (_, index) => change(keys[index % 3] ?? '')));
    await eventually(() => bus.published.length >= 150);
    await eventually(async () => (await rows()).length === 0);
    for (const key of keys) {
      const numbers = bus.published.filter((message) => message.key === key).map((message) => Number(message.value.at(-1)));
      expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    }
  });

  it('shares the partitions with another replica, and publishes each row once', async () => {
    const bus = new RecordingBus();
    const first = await startRelay(bus);
    const second = await startRelay(bus);
    await eventually(
      () => first.relay.partitions.length === 4 && second.relay.partitions.length === 4,
      () => [first.relay.partitions, second.relay.partitions],
    );
    for (let round = 0; round < 5; round += 1) {
      await database.inTenant('acme', async (tx) => {
        for (const key of keyOfPartition) await add(first.outbox, tx, key);
      });
    }
    await eventually(async () => (await rows()).length === 0);
    expect(bus.published).toHaveLength(40);
    await second.relay.stop();
    relays.pop();
    await eventually(() => first.relay.partitions.length === 8);
  });

  it('wakes the replica that holds the partition at once, whichever replica stored the row', async () => {
    const [busOfFirst, busOfSecond] = [new RecordingBus(), new RecordingBus()];
    const first = await startRelay(busOfFirst, { pollMs: 60_000, leaseMs: 600_000 });
    await eventually(() => first.relay.partitions.length === 8);
    const idle = new Outbox('services/contract', (partition) => {
      other.wake(partition);
    });
    const other = new Relay({ database, bus: busOfSecond, member: 'never-started', log: silentLog });
    await database.inTenant('acme', (tx) => add(idle, tx, 'told'));
    await eventually(() => busOfFirst.keys().includes('told'));
    expect(busOfSecond.published).toEqual([]);
  });

  it('takes over from a replica that hangs, which then deletes nothing that is not its own any more', async () => {
    const [hanging, next] = [new RecordingBus(), new RecordingBus()];
    const [hangs, waits] = [gate(), gate()];
    const reached = { hanging: false, next: false };
    hanging.before = () => {
      reached.hanging = true;
      return hangs.opened;
    };
    next.before = () => {
      reached.next = true;
      return waits.opened;
    };
    const first = await startRelay(hanging);
    await eventually(() => first.relay.partitions.length === 8);
    await database.inTenant('acme', (tx) => add(first.outbox, tx, 'contested'));
    await eventually(() => reached.hanging);
    await startRelay(next);
    await eventually(() => reached.next);
    hangs.open();
    await eventually(() => hanging.published.length > 0);
    await sleep(200);
    expect(await rows()).toEqual([{ key: 'contested' }]);
    waits.open();
    await eventually(async () => (await rows()).length === 0);
    expect(next.keys()).toEqual(['contested']);
  });

  it('publishes again what may not have arrived, and counts what waits', async () => {
    const bus = new RecordingBus();
    let failures = 0;
    bus.before = async () => {
      failures += 1;
      await Promise.resolve();
      if (failures <= 2) throw new Error('no broker');
    };
    const { relay, outbox } = await startRelay(bus);
    await database.inTenant('acme', (tx) => add(outbox, tx, 'patient'));
    const backlog = await relay.backlog();
    expect(backlog.rows).toBe(1);
    expect(backlog.oldestMs).toBeGreaterThanOrEqual(0);
    await eventually(() => bus.keys().includes('patient'));
    await eventually(async () => (await relay.backlog()).rows === 0);
    expect(await relay.backlog()).toEqual({ rows: 0, oldestMs: 0 });
  });

  it('keeps the order of events that were added at once, and adds nothing where there are none', async () => {
    const bus = new RecordingBus();
    const { outbox } = await startRelay(bus);
    const quantities = Array.from({ length: 250 }, (_, index) => BigInt(index));
    const events = quantities.map((quantity) => ({ type: auditEvents.UsageRecordedSchema, data: { quantity }, key: 'many' }));
    await database.inTenant('acme', async (tx) => {
      await outbox.addAll(tx, []);
      await outbox.addAll(tx, events);
    });
    await eventually(() => bus.published.length >= quantities.length);
    const published = bus.published.map(({ value }) => fromBinary(auditEvents.UsageRecordedSchema, value).quantity);
    expect(published).toEqual(quantities);
  });

  it('publishes what is committed before it stops', async () => {
    const bus = new RecordingBus();
    const { relay, outbox } = await startRelay(bus);
    await eventually(() => relay.partitions.length === 8);
    await database.inTenant('acme', async (tx) => {
      for (let number = 0; number < 300; number += 1) await add(outbox, tx, keyOfPartition[number % 8] ?? '');
    });
    await relay.stop();
    relays.pop();
    expect(bus.published).toHaveLength(300);
    expect(await rows()).toEqual([]);
  });

  it('stops where bus and database are gone, and leaves the rows to the next start', async () => {
    const own = await server.database({ ...contractSchema, name: 'contract_gone' });
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_details: object, message: string) => void warnings.push(message) };
    const relay = new Relay({ database: own, bus: new RecordingBus(), member: 'gone', log });
    await relay.start();
    await eventually(() => relay.partitions.length === 8);
    await own.close();
    await relay.stop();
    relay.wake(0);
    await eventually(() => warnings.includes('other relays could not be woken; they will poll'));
    expect(warnings).toEqual(
      expect.arrayContaining([expect.stringContaining('could not be emptied'), expect.stringContaining('their leases will run out')]),
    );
  });

  it('stores an event once that is announced again under its id', async () => {
    const outbox = new Outbox('services/contract', () => undefined);
    const type = auditEvents.UsageRecordedSchema;
    const id = newId();
    for (const _ of [1, 2]) await database.inTenant('acme', (tx) => outbox.add(tx, { type, data: {}, key: 'k', id }));
    expect(await rows()).toEqual([{ key: 'k' }]);
  });

  it('needs a tenant for every event', async () => {
    const outbox = new Outbox('services/contract', () => undefined);
    const type = auditEvents.UsageRecordedSchema;
    const publish = (tenant: { tenant?: string }) =>
      database.acrossTenants('outbox-relay', (tx) => outbox.add(tx, { type, data: {}, key: 'k', ...tenant }));
    await expect(publish({})).rejects.toThrow('q2.usage.events.v1.UsageRecorded of k names no tenant');
    await publish({ tenant: 'acme' });
    expect(await rows()).toEqual([{ key: 'k' }]);
  });
});
