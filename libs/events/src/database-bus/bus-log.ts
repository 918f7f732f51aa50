import type { Tx } from '@q2/database';
import type { BusMessage, BusRecord } from '../event-bus.port.js';
import { partitionOf } from '../key-partition.js';
import type { Partition } from '../lease/leases.js';

/** Channel that appends are announced on; the payload is the topics, separated by spaces. */
export const appendedChannel = 'q2_bus_appended';

/** Where a consumer reads on. */
export interface ReadPosition extends Partition {
  readonly position: string;
}

/** The SQL of the log's tables. */
export class BusLog {
  private readonly known = new Set<string>();

  /** @param partitions of a new topic; a topic keeps what it was created with, which must be the same everywhere */
  constructor(private readonly partitions: number) {}

  /** Partitions of topics. */
  partitionsOf(topics: readonly string[]): Partition[] {
    return topics.flatMap((topic) => Array.from({ length: this.partitions }, (_, partition) => ({ topic, partition })));
  }

  /** Creates the topics that don't exist. */
  async ensureTopics(tx: Tx, topics: readonly string[]): Promise<void> {
    const missing = [...new Set(topics)].filter((topic) => !this.known.has(topic)).sort();
    if (missing.length === 0) return;
    await tx.execute(
      `insert into topic_partition (topic, partition) select topic, partition
       from unnest($1::text[]) as topic cross join generate_series(0, $2::int - 1) as partition on conflict do nothing`,
      [missing, this.partitions],
    );
    tx.afterCommit(() => {
      for (const topic of missing) this.known.add(topic);
    });
  }

  /**
   * Appends messages and announces it. Partitions are locked in one order by everybody, and until commit: offsets become visible in order and
   * without gaps, so a reader never passes one that commits late.
   */
  async append(tx: Tx, messages: readonly BusMessage[]): Promise<void> {
    const topics = messages.map((message) => message.topic);
    const partitions = messages.map((message) => partitionOf(message.key, this.partitions));
    await this.ensureTopics(tx, topics);
    await tx.query(
      `select from topic_partition where (topic, partition) in (select * from unnest($1::text[], $2::smallint[]))
       order by topic, partition for update`,
      [topics, partitions],
    );
    await tx.query(appendSql, [
      ...[appendedChannel, [...new Set(topics)].join(' ')],
      topics,
      partitions,
      messages.map((message) => message.key),
      messages.map((message) => JSON.stringify(message.headers)),
      messages.map((message) => Buffer.from(message.value)),
    ]);
  }

  /** Reads on in several partitions at once, at most `limit` records of each. */
  read(tx: Tx, positions: readonly ReadPosition[], limit: number): Promise<BusRecord[]> {
    return tx.query<BusRecord>(
      `select r.* from unnest($1::text[], $2::smallint[], $3::bigint[]) as wanted (topic, partition, position) cross join lateral (
         select topic, partition, "offset", key, headers, value, appended_at as "storedAt" from log_record l
         where l.topic = wanted.topic and l.partition = wanted.partition and l."offset" >= wanted.position
         order by l."offset" limit $4) as r order by r.topic, r.partition, r."offset"`,
      [positions.map(({ topic }) => topic), positions.map(({ partition }) => partition), positions.map(({ position }) => position), limit],
    );
  }

  /** Deletes up to `limit` of the records older than the retention, and gives how many there were. */
  deleteExpired(tx: Tx, retentionMs: number, limit: number): Promise<number> {
    return tx.execute(
      `delete from log_record where ctid = any(array(
         select ctid from log_record where appended_at < now() - $1 * interval '1 ms' limit $2))`,
      [retentionMs, limit],
    );
  }
}

const appendSql = `
  with incoming as (
    select * from unnest($3::text[], $4::smallint[], $5::text[], $6::jsonb[], $7::bytea[]) with ordinality
      as m (topic, partition, key, headers, value, ordinal)
  ), moved as (
    update topic_partition p set next_offset = p.next_offset + added.records
    from (select topic, partition, count(*) as records from incoming group by topic, partition) as added
    where (p.topic, p.partition) = (added.topic, added.partition)
    returning p.topic, p.partition, p.next_offset - added.records as first_offset
  ), appended as (
    insert into log_record (topic, partition, "offset", key, headers, value)
    select topic, partition, first_offset + row_number() over (partition by topic, partition order by ordinal) - 1, key, headers, value
    from incoming join moved using (topic, partition)
  )
  select pg_notify($1, $2)`;
