import { createHash } from 'node:crypto';
import type { JsonValue } from '@bufbuild/protobuf';

/** Hash before the first entry of a log. */
export const genesisHash = '0'.repeat(64);

/** What an entry's hash covers. */
export interface ChainedContent {
  readonly sequence: number;
  readonly eventId: string;
  /** Canonical JSON of what was reported. */
  readonly content: string;
}

/** One entry as stored. */
export interface AuditEntry extends ChainedContent {
  readonly previousHash: string;
  readonly hash: string;
}

/**
 * SHA-256 over the previous hash, the sequence, the event's id and the content, each ended by a line feed. None of them
 * can contain one, so no two entries are written alike.
 */
export function entryHash(previousHash: string, { sequence, eventId, content }: ChainedContent): string {
  return createHash('sha256').update(`${previousHash}\n${sequence}\n${eventId}\n${content}\n`).digest('hex');
}

/** JSON with sorted keys and no white space: the same content is always the same text. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
}

/** The end of a log, kept apart from its entries: what the log must add up to. */
export interface ChainHead {
  readonly entryCount: number;
  readonly hash: string;
}

/** The first entry that is not as it was written. */
export interface ChainFault {
  readonly sequence: number;
  readonly problem: string;
}

/** Walks a log from its first entry on, and finds the first fault. Feed it entries in order, then `finish`. */
export class ChainVerifier {
  private last: ChainHead = { entryCount: 0, hash: genesisHash };
  private found: ChainFault | undefined;

  add(entry: AuditEntry): void {
    if (this.found) return;
    const expected = this.last.entryCount + 1;
    const problem = this.findProblem(entry, expected);
    if (problem !== undefined) this.found = { sequence: expected, problem };
    this.last = { entryCount: expected, hash: entry.hash };
  }

  /** Compares the end with the head, which shows entries cut off or added at the end. */
  finish(head: ChainHead): ChainFault | undefined {
    if (this.found) return this.found;
    const { entryCount, hash } = this.last;
    if (entryCount < head.entryCount)
      return { sequence: entryCount + 1, problem: `missing; the log ends ${head.entryCount - entryCount} too early` };
    if (entryCount > head.entryCount) return { sequence: head.entryCount + 1, problem: 'was not appended by the platform' };
    return hash === head.hash ? undefined : { sequence: Math.max(1, entryCount), problem: 'is not the entry that the log ended with' };
  }

  private findProblem(entry: AuditEntry, expected: number): string | undefined {
    if (entry.sequence !== expected) return `missing; the next entry is ${entry.sequence}`;
    if (entry.previousHash !== this.last.hash) return 'does not continue the entry before it';
    return entry.hash === entryHash(entry.previousHash, entry) ? undefined : 'was changed: its content does not have its hash';
  }
}
