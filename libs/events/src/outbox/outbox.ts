import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { newId, type Tx } from '@q2/database';
import { toBusMessage } from '../cloud-event.js';
import type { BusMessage, EventBus } from '../event-bus.port.js';
import { topicOf } from '../event.js';
import { partitionOf } from '../key-partition.js';
import { inCreatingSpan } from './creating-span.js';

/** Partitions of every outbox: as many replicas of a service can relay at once. Changing it breaks the order of rows waiting. */
export const outboxPartitions = 8;

/** A fact to announce. */
export interface NewEvent<S extends DescMessage> {
  readonly type: S;
  readonly data: MessageInitShape<S>;
  /** Name of the aggregate that the fact is about; order holds per key. */
  readonly key: string;
  /** Tenant that owns the fact: the transaction's, unless it is one across tenants. */
  readonly tenant?: string;
  /**
   * Id of the event, for who announces a fact again because an earlier commit may or may not have happened: stored twice or published
   * twice it is handled once. @default a new one
   */
  readonly id?: string;
}

/** Stores events in the same transaction as the change that they announce. A relay publishes them afterwards. */
export class Outbox {
  /**
   * @param source      the publisher, such as `services/model-registry`
   * @param onCommitted told the outbox partition of each event once it has committed
   * @param system      what carries the events, as traces name it
   */
  constructor(
    private readonly source: string,
    private readonly onCommitted: (partition: number) => void,
    private readonly system: EventBus['system'] = 'postgresql',
  ) {}

  /**
   * Adds an event to the transaction. Change the aggregate's row first: its lock is what gives two changes of one aggregate, and so
   * their events, an order.
   *
   * @throws {Error} in a transaction across tenants where the event names no tenant
   */
  async add<S extends DescMessage>(tx: Tx, event: NewEvent<S>): Promise<void> {
    const { tenant, announced } = this.announce(tx, event);
    await inCreatingSpan(this.system, announced, (traceContext) =>
      this.store(tx, { id: announced.id, tenant, message: toBusMessage({ ...announced, ...traceContext }) }),
    );
  }

  /**
   * Adds many events at once, in the order given.
   *
   * @throws as {@link add} does
   */
  async addAll<S extends DescMessage>(tx: Tx, events: readonly NewEvent<S>[]): Promise<void> {
    const rows: OutgoingRow[] = [];
    for (const event of events) {
      const { tenant, announced } = this.announce(tx, event);
      await inCreatingSpan(this.system, announced, (traceContext) => {
        rows.push({ id: announced.id, tenant, message: toBusMessage({ ...announced, ...traceContext }) });
        return Promise.resolve();
      });
    }
    for (let start = 0; start < rows.length; start += rowsOfStatement) await this.insert(tx, rows.slice(start, start + rowsOfStatement));
  }

  /** Adds a message as it is, such as one on its way to the dead letters. */
  store(tx: Tx, row: OutgoingRow): Promise<void> {
    return this.insert(tx, [row]);
  }

  private announce<S extends DescMessage>(tx: Tx, event: NewEvent<S>) {
    const tenant = event.tenant ?? tx.tenant;
    if (tenant === undefined) throw new Error(`${event.type.typeName} of ${event.key} names no tenant, and its transaction has none`);
    const announced = {
      id: event.id ?? newId(),
      topic: topicOf(event.type),
      type: event.type.typeName,
      source: this.source,
      key: event.key,
      tenant,
      time: new Date(),
      data: toBinary(event.type, create(event.type, event.data)),
    };
    return { tenant, announced };
  }

  private async insert(tx: Tx, rows: readonly OutgoingRow[]): Promise<void> {
    const partitions = new Set<number>();
    const parameters = rows.flatMap(({ tenant, id, message: { topic, key, headers, value } }) => {
      const partition = partitionOf(key, outboxPartitions);
      partitions.add(partition);
      return [tenant, id, partition, topic, key, JSON.stringify(headers), Buffer.from(value)];
    });
    const columns = 'tenant_id, id, partition, topic, key, headers, data';
    const values = placeholders(rows.length, columns.split(',').length);
    await tx.execute(`insert into outbox_event (${columns}) values ${values} on conflict do nothing`, parameters);
    tx.afterCommit(() => {
      for (const partition of partitions) this.onCommitted(partition);
    });
  }
}

/** `($1, $2), ($3, $4)` for two rows of two columns. */
function placeholders(rows: number, columns: number): string {
  const rowOf = (row: number) => `(${Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`).join(', ')})`;
  return Array.from({ length: rows }, (_, row) => rowOf(row)).join(', ');
}

/** PostgreSQL takes up to 65,535 parameters a statement, of which a row needs seven. */
const rowsOfStatement = 5_000;

/** A message on its way into the outbox. */
interface OutgoingRow {
  readonly id: string;
  readonly tenant: string;
  readonly message: BusMessage;
}
