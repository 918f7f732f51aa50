import type { Admin } from 'kafkajs';
import type { GroupLag } from '../event-bus.port.js';

/** Ends of a partition: the earliest record kept, and where the next one goes. */
interface Ends {
  readonly low: bigint;
  readonly high: bigint;
}

/** Topics of each group. */
export type GroupTopics = ReadonlyMap<string, ReadonlySet<string>>;

/** Measures how far groups are behind: one request for each group, and two for each topic whatever the number of groups. */
export async function measureLags(admin: Admin, groups: GroupTopics): Promise<GroupLag[]> {
  const topics = new Set([...groups.values()].flatMap((some) => [...some]));
  const ends = new Map(await Promise.all([...topics].map(async (topic) => [topic, await endsOf(admin, topic)] as const)));
  const lags = await Promise.all(
    [...groups].map(async ([group, some]) => {
      const positions = await admin.fetchOffsets({ groupId: group, topics: [...some] });
      return positions.map(({ topic, partitions }) => ({ group, topic, records: recordsLeft(ends.get(topic), partitions) }));
    }),
  );
  return lags.flat();
}

async function endsOf(admin: Admin, topic: string): Promise<Map<number, Ends>> {
  const partitions = await admin.fetchTopicOffsets(topic);
  return new Map(partitions.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]));
}

/**
 * Records that a group has not handled yet. Where it has no position, negative, it will begin with the earliest record kept; likewise
 * where its position has been deleted meanwhile.
 */
export function recordsLeft(
  ends: ReadonlyMap<number, Ends> | undefined,
  positions: readonly { partition: number; offset: string }[],
): number {
  return positions.reduce((sum, { partition, offset }) => {
    const { low, high } = ends?.get(partition) ?? { low: 0n, high: 0n };
    const next = BigInt(offset) > low ? BigInt(offset) : low;
    return sum + Math.max(0, Number(high - next));
  }, 0);
}
