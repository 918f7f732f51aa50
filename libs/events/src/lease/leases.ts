import type { Tx } from '@q2/database';
import { decideLeases } from './lease-share.js';

/** A partition of a topic. */
export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition that a member holds for its group until `validUntilMs` (performance.now()), unless renewed. */
export interface Lease extends Partition {
  /** Rises with each change of holder; a write with an older one is refused. */
  readonly fence: string;
  /** How far the group is: the next offset to handle. */
  readonly position: string;
  readonly validUntilMs: number;
}

/** A group's leases after a round, and those that the member should hand over once their batches are done. */
export interface LeaseRound {
  /** Whether this round made the member one of the group. */
  readonly isJoining: boolean;
  readonly held: readonly Lease[];
  readonly surplus: ReadonlySet<string>;
}

interface LeaseRow {
  topic: string;
  partition: number;
  fence: string;
  position: string;
  holder: string | null;
}

/** Text form of a partition: map keys, and what the sharing rule counts. */
export function partitionId({ topic, partition }: Partition): string {
  return `${topic}/${String(partition)}`;
}

/**
 * Shares partitions among the members of a group through the tables `lease_member` and `partition_lease` of the schema that the
 * transactions given belong to. Time is the database's alone, so clocks of machines don't matter; the validity told
 * to the holder is counted from before the round began, so it ends no later than the database's.
 */
export class Leases {
  constructor(
    readonly member: string,
    private readonly leaseMs: number,
  ) {}

  /** Makes sure that the group's partitions exist; new ones start at the beginning. */
  async ensure(tx: Tx, group: string, partitions: readonly Partition[]): Promise<void> {
    await tx.execute(
      `insert into partition_lease (group_name, topic, partition) select $1, * from unnest($2::text[], $3::smallint[])
       on conflict do nothing`,
      [group, ...columns(partitions)],
    );
  }

  /** One round: says that this member lives, renews what it holds, and claims what it lacks of its fair share. One member at a time. */
  async round(tx: Tx, group: string, topics: readonly string[]): Promise<LeaseRound> {
    const validUntilMs = performance.now() + this.leaseMs;
    await tx.query('select pg_advisory_xact_lock(hashtextextended(current_schema || $1, 0))', [group]);
    const { members, isJoining } = await this.heartbeat(tx, group);
    const rows = await this.renew(tx, group, topics);
    const states = rows.map((row) => ({ id: partitionId(row), holder: row.holder ?? undefined }));
    const { claim, release } = decideLeases(states, members, this.member);
    const wanted = rows.filter((row) => claim.includes(partitionId(row)));
    const claimed = wanted.length === 0 ? [] : await this.claim(tx, group, wanted);
    const held = [...rows.filter((row) => row.holder === this.member), ...claimed];
    return { isJoining, held: held.map(({ holder: _, ...lease }) => ({ ...lease, validUntilMs })), surplus: new Set(release) };
  }

  /** Stores how far the group is. Partitions whose fence has moved on are left alone: their new holder decides. */
  async store(tx: Tx, group: string, leases: readonly Lease[]): Promise<void> {
    await tx.execute(
      `update partition_lease l set position = done.position
       from unnest($3::text[], $4::smallint[], $5::bigint[], $6::bigint[]) as done (topic, partition, fence, position)
       where l.group_name = $1 and l.holder = $2 and (l.topic, l.partition, l.fence) = (done.topic, done.partition, done.fence)`,
      [group, this.member, ...columns(leases), leases.map((lease) => lease.fence), leases.map((lease) => lease.position)],
    );
  }

  /** Gives partitions back, so that another member can claim them at once. */
  async release(tx: Tx, group: string, partitions: readonly Partition[]): Promise<void> {
    await tx.execute(
      `update partition_lease l set holder = null from unnest($3::text[], $4::smallint[]) as given (topic, partition)
       where l.group_name = $1 and l.holder = $2 and (l.topic, l.partition) = (given.topic, given.partition)`,
      [group, this.member, ...columns(partitions)],
    );
  }

  /** Leaves the group with everything held. */
  async leave(tx: Tx, group: string): Promise<void> {
    await tx.execute('update partition_lease set holder = null where group_name = $1 and holder = $2', [group, this.member]);
    await tx.execute('delete from lease_member where group_name = $1 and member = $2', [group, this.member]);
  }

  private async heartbeat(tx: Tx, group: string): Promise<{ members: string[]; isJoining: boolean }> {
    const known = await tx.query<{ member: string }>(
      'delete from lease_member where group_name = $1 and (member = $2 or expires_at < now()) returning member',
      [group, this.member],
    );
    const members = await tx.query<{ member: string }>(
      `with me as (insert into lease_member (group_name, member, expires_at) values ($1, $2, now() + $3 * interval '1 ms'))
       select $2 as member union select member from lease_member where group_name = $1`,
      [group, this.member, this.leaseMs],
    );
    return { members: members.map((row) => row.member), isJoining: !known.some((row) => row.member === this.member) };
  }

  /** Extends this member's leases and gives all of the group's, with the holders whose leases still run. */
  private async renew(tx: Tx, group: string, topics: readonly string[]): Promise<LeaseRow[]> {
    await tx.execute(
      `update partition_lease set expires_at = now() + $3 * interval '1 ms'
       where group_name = $1 and holder = $2 and expires_at >= now()`,
      [group, this.member, this.leaseMs],
    );
    return tx.query<LeaseRow>(
      `select topic, partition, fence, position, case when expires_at >= now() then holder end as holder
       from partition_lease where group_name = $1 and topic = any($2::text[]) order by partition, topic`,
      [group, topics],
    );
  }

  private claim(tx: Tx, group: string, wanted: readonly Partition[]): Promise<LeaseRow[]> {
    return tx.query<LeaseRow>(
      `update partition_lease l set holder = $2, fence = l.fence + 1, expires_at = now() + $3 * interval '1 ms'
       from unnest($4::text[], $5::smallint[]) as wanted (topic, partition)
       where l.group_name = $1 and (l.topic, l.partition) = (wanted.topic, wanted.partition) and (l.holder is null or l.expires_at < now())
       returning l.topic, l.partition, l.fence, l.position, l.holder`,
      [group, this.member, this.leaseMs, ...columns(wanted)],
    );
  }
}

function columns(partitions: readonly Partition[]): [string[], number[]] {
  return [partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)];
}
