import { Inject, Injectable } from '@nestjs/common';
import { Database, type Tx } from '@q2/database';
import { ChainVerifier, entryHash, genesisHash, type AuditEntry, type ChainFault, type ChainHead } from './audit-entry.js';

/** Which entries to list, newest first. */
export interface AuditQuery {
  /** Only entries before this sequence; undefined: from the newest on. */
  readonly before: number | undefined;
  readonly from: Date | undefined;
  readonly until: Date | undefined;
  /** Such as `q2.models.v1.ModelService/PromoteVersion`; empty: all. */
  readonly method: string;
  readonly size: number;
}

/** What a walk through a log found. */
export interface Verification {
  readonly head: ChainHead;
  readonly fault: ChainFault | undefined;
}

/** An entry as PostgreSQL gives it: a bigint is text. */
interface EntryRow extends Omit<AuditEntry, 'sequence'> {
  readonly sequence: string;
}

const entryColumns = `sequence, event_id as "eventId", content, previous_hash as "previousHash", hash`;
const batchSize = 1_000;

/** Appends to the tenants' audit logs, lists and verifies them. */
@Injectable()
export class AuditLogService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * Appends an entry, once for each event. The lock on the head gives entries their order and leaves no gaps.
   *
   * @param tx      a transaction of the tenant whose log it is
   * @param content canonical JSON
   */
  async append(tx: Tx, eventId: string, content: string): Promise<void> {
    await tx.execute('insert into audit_heads (tenant_id, entry_count, hash) values ($1, 0, $2) on conflict do nothing', [
      tx.tenant,
      genesisHash,
    ]);
    const [head] = await tx.query<{ entryCount: string; hash: string }>(
      'select entry_count as "entryCount", hash from audit_heads where tenant_id = $1 for update',
      [tx.tenant],
    );
    const previousHash = head?.hash ?? genesisHash;
    const sequence = Number(head?.entryCount) + 1;
    const hash = entryHash(previousHash, { sequence, eventId, content });
    const inserted = await tx.execute(
      `insert into audit_entries (tenant_id, sequence, event_id, content, previous_hash, hash) values ($1, $2, $3, $4, $5, $6)
       on conflict (tenant_id, event_id) do nothing`,
      [tx.tenant, sequence, eventId, content, previousHash, hash],
    );
    if (inserted === 1)
      await tx.execute('update audit_heads set entry_count = $2, hash = $3 where tenant_id = $1', [tx.tenant, sequence, hash]);
  }

  /** Entries as asked for, the newest first. */
  async list(tenant: string, query: AuditQuery): Promise<AuditEntry[]> {
    const rows = await this.database.inTenant(
      tenant,
      (tx) =>
        tx.query<EntryRow>(
          `select ${entryColumns} from audit_entries, lateral (select content::jsonb as call) as parsed
           where tenant_id = $1 and sequence < coalesce($2, 9223372036854775807)
             and ($3::text is null or call ->> 'time' >= $3) and ($4::text is null or call ->> 'time' < $4)
             and ($5 = '' or (call ->> 'service') || '/' || (call ->> 'method') = $5)
           order by sequence desc limit $6`,
          [tenant, query.before ?? null, query.from?.toISOString() ?? null, query.until?.toISOString() ?? null, query.method, query.size],
        ),
      { readOnly: true },
    );
    return rows.map(toEntry);
  }

  /** Walks the whole log. Entries that are appended meanwhile are left to the next walk. */
  verify(tenant: string): Promise<Verification> {
    return this.database.inTenant(tenant, (tx) => verifyLog(tx, tenant), { readOnly: true });
  }
}

async function verifyLog(tx: Tx, tenant: string): Promise<Verification> {
  // One statement, so that head and last entry are of the same moment.
  const [end] = await tx.query<{ entryCount: string | null; hash: string | null; last: string | null }>(
    `select h.entry_count as "entryCount", h.hash, (select max(sequence) from audit_entries where tenant_id = $1) as last
     from (select 1) as one left join audit_heads h on h.tenant_id = $1`,
    [tenant],
  );
  const head = { entryCount: Number(end?.entryCount ?? 0), hash: end?.hash ?? genesisHash };
  const verifier = new ChainVerifier();
  for await (const entry of readEntries(tx, tenant, Number(end?.last ?? 0))) verifier.add(entry);
  return { head, fault: verifier.finish(head) };
}

/** Entries up to a sequence in order, read in batches: a log may be longer than memory. */
async function* readEntries(tx: Tx, tenant: string, last: number): AsyncGenerator<AuditEntry> {
  let after = 0;
  while (after < last) {
    const rows = await tx.query<EntryRow>(
      `select ${entryColumns} from audit_entries where tenant_id = $1 and sequence > $2 and sequence <= $3 order by sequence limit $4`,
      [tenant, after, last, batchSize],
    );
    yield* rows.map(toEntry);
    after = rows.length === 0 ? last : Number(rows.at(-1)?.sequence);
  }
}

const toEntry = (row: EntryRow): AuditEntry => ({ ...row, sequence: Number(row.sequence) });
