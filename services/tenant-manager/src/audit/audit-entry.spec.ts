import type { JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { canonicalJson, ChainVerifier, entryHash, genesisHash, type AuditEntry, type ChainHead } from './audit-entry.js';

/** A log of `count` entries, as it should be. */
function aLog(count: number): { entries: AuditEntry[]; head: ChainHead } {
  const entries: AuditEntry[] = [];
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const previousHash = entries.at(-1)?.hash ?? genesisHash;
    const content = { sequence, eventId: `event-${sequence}`, content: `{"n":${sequence}}` };
    entries.push({ ...content, previousHash, hash: entryHash(previousHash, content) });
  }
  return { entries, head: { entryCount: count, hash: entries.at(-1)?.hash ?? genesisHash } };
}

function verify(entries: readonly AuditEntry[], head: ChainHead) {
  const verifier = new ChainVerifier();
  for (const entry of entries) verifier.add(entry);
  return verifier.finish(head);
}

/** Changes one entry's content and gives it the hash that fits. */
function forge(entries: readonly AuditEntry[], index: number): AuditEntry[] {
  return entries.map((entry, each) => {
    const changed = { ...entry, content: '{"n":999}' };
    return each === index ? { ...changed, hash: entryHash(entry.previousHash, changed) } : entry;
  });
}

describe('ChainVerifier', () => {
  it('finds nothing in a log as it was written, an empty one included', () => {
    for (const count of [0, 1, 7]) {
      const { entries, head } = aLog(count);
      expect(verify(entries, head)).toBeUndefined();
    }
  });

  it('names the first entry that was changed, whichever field it was and however it was covered up', () => {
    const changes: ((entry: AuditEntry) => AuditEntry)[] = [
      (entry) => ({ ...entry, content: '{"n":999}' }),
      (entry) => ({ ...entry, eventId: 'other' }),
      (entry) => ({ ...entry, hash: 'f'.repeat(64) }),
      (entry) => ({ ...entry, previousHash: 'f'.repeat(64) }),
    ];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.constantFrom(...changes), (index, change) => {
        const { entries, head } = aLog(7);
        const tampered = entries.map((entry, each) => (each === index ? change(entry) : entry));
        expect(verify(tampered, head)?.sequence).toBe(index + 1);
      }),
    );
  });

  it('names the successor where an entry was changed together with its own hash', () => {
    const { entries, head } = aLog(5);
    expect(verify(forge(entries, 1), head)).toEqual({ sequence: 3, problem: 'does not continue the entry before it' });
  });

  it('names an entry that is gone, in the middle and at the end', () => {
    const { entries, head } = aLog(5);
    expect(verify(entries.toSpliced(2, 1), head)).toEqual({ sequence: 3, problem: 'missing; the next entry is 4' });
    expect(verify(entries.slice(0, 3), head)).toEqual({ sequence: 4, problem: 'missing; the log ends 2 too early' });
  });

  it('names an entry that someone else added, or put in the place of the last', () => {
    const { entries, head } = aLog(5);
    expect(verify(entries, aLog(4).head)).toEqual({ sequence: 5, problem: 'was not appended by the platform' });
    expect(verify(forge(entries, 4), head)).toEqual({ sequence: 5, problem: 'is not the entry that the log ended with' });
  });
});

describe('canonicalJson', () => {
  const parse = (text: string): JsonValue => JSON.parse(text);

  it('writes equal content alike, whatever the order of keys, and reads back as it was', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x\ny' }], a: true })).toBe('{"a":true,"b":[1,{"c":"x\\ny","d":null}]}');
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(canonicalJson(parse(text)))).toEqual(parse(text));
      }),
    );
  });
});
