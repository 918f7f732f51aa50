/** A partition of a group as the lease table shows it. */
export interface LeaseState {
  readonly id: string;
  /** Member that holds it; undefined where nobody does, or the holder's lease has run out. */
  readonly holder: string | undefined;
}

/** What a member should change to come to its fair share. */
export interface LeaseChanges {
  readonly claim: readonly string[];
  readonly release: readonly string[];
}

/**
 * Partitions that a member may hold. The first `partitions mod members`, by name, take one more than the rest, so that the
 * shares add up to exactly all partitions and no two members wait for each other.
 */
export function fairShare(partitions: number, members: readonly string[], member: string): number {
  const rank = [...members].sort().indexOf(member);
  if (rank < 0) return 0;
  return Math.floor(partitions / members.length) + (rank < partitions % members.length ? 1 : 0);
}

/**
 * Decides what `member` claims and releases. Members decide alone and at different times: one releases what exceeds its share,
 * the others claim what is free until they have theirs.
 */
export function decideLeases(states: readonly LeaseState[], members: readonly string[], member: string): LeaseChanges {
  const mine = states.filter((state) => state.holder === member).map((state) => state.id);
  const free = states.filter((state) => state.holder === undefined).map((state) => state.id);
  const share = fairShare(states.length, members, member);
  return { claim: free.slice(0, Math.max(0, share - mine.length)), release: mine.slice(Math.min(share, mine.length)) };
}
