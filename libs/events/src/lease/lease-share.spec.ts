import fc from 'fast-check';
import { decideLeases, fairShare, type LeaseState } from './lease-share.js';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Partitions held by any of the members, by members that are gone, or by nobody. */
const situations = fc
  .record({
    members: fc.subarray(names, { minLength: 1 }),
    holders: fc.array(fc.option(fc.constantFrom(...names), { nil: undefined }), { maxLength: 24 }),
  })
  .map(({ members, holders }) => ({
    members,
    states: holders.map((holder, index): LeaseState => ({
      id: String(index),
      holder: holder !== undefined && members.includes(holder) ? holder : undefined,
    })),
  }));

/** One member acts on what it sees. */
function act(states: readonly LeaseState[], members: readonly string[], member: string): LeaseState[] {
  const { claim, release } = decideLeases(states, members, member);
  return states.map((state) => {
    if (claim.includes(state.id)) return { ...state, holder: member };
    return release.includes(state.id) ? { ...state, holder: undefined } : state;
  });
}

describe('fairShare', () => {
  it('adds up to all partitions, and no two shares differ by more than one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.subarray(names, { minLength: 1 }), (partitions, members) => {
        const shares = members.map((member) => fairShare(partitions, members, member));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(partitions);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is nothing for who is not a member', () => {
    expect(fairShare(8, ['a'], 'z')).toBe(0);
  });
});

describe('decideLeases', () => {
  it('brings every partition to exactly one live member within two rounds, whatever the start and the order of the members', () => {
    fc.assert(
      fc.property(situations, fc.infiniteStream(fc.nat()), ({ members, states }, chance) => {
        let now = states;
        for (let round = 0; round < 2; round += 1) {
          const order = [...members].sort(() => ((chance.next().value ?? 0) % 2 === 0 ? 1 : -1));
          for (const member of order) now = act(now, members, member);
        }
        for (const member of members) {
          expect(now.filter((state) => state.holder === member)).toHaveLength(fairShare(states.length, members, member));
        }
      }),
    );
  });

  it('never takes a partition from a live holder', () => {
    fc.assert(
      fc.property(situations, fc.constantFrom(...names), ({ members, states }, member) => {
        const held = new Set(states.filter((state) => state.holder !== undefined).map((state) => state.id));
        expect(decideLeases(states, members, member).claim.some((id) => held.has(id))).toBe(false);
      }),
    );
  });
});
