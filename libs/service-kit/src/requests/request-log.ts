import { createHash } from 'node:crypto';
import type { Database, Tx } from '@q2/database';
import { InvalidArgument } from '@q2/errors';
import type { Call } from '../call.js';
import { openResponse, requestKey, sealResponse } from './sealed-response.js';

/** How long a repeated request_id gets the same answer. */
const keptForHours = 24;

interface HandledRow {
  readonly request_hash: Buffer;
  readonly response: Buffer | null;
}

/**
 * Runs mutations so that a repeated request_id has one effect and one answer, also when both come at once: the record is
 * inserted first, in the transaction of the change, and a second insert of the same key waits for the first to end.
 */
export class RequestLog {
  constructor(private readonly database: Database) {}

  /**
   * @param call    the mutation; without a request id it just runs in a transaction
   * @param body    the request as it came, to tell a retry from another request under the same id
   * @param work    the change, inside the transaction; gives the encoded answer
   * @throws {InvalidArgument} naming `request_id` where it was used for another request
   */
  async once(call: Call, body: Uint8Array, work: (tx: Tx) => Promise<Uint8Array>): Promise<Uint8Array> {
    const { requestId } = call;
    const tenant = call.tenant;
    if (requestId === undefined) return this.database.inTenant(tenant, work);
    const hash = createHash('sha256').update(body).digest();
    const key = [tenant, call.principal.id, call.method, requestKey(requestId)] as const;
    return this.database.inTenant(tenant, async (tx) => {
      const inserted = await tx.execute(
        `insert into handled_requests (tenant_id, principal, method, request_key, request_hash) values ($1, $2, $3, $4, $5)
         on conflict do nothing`,
        [...key, hash],
      );
      if (inserted === 0) return this.replay(tx, key, { requestId, hash });
      const response = await work(tx);
      await tx.execute(
        'update handled_requests set response = $5 where tenant_id = $1 and principal = $2 and method = $3 and request_key = $4',
        [...key, sealResponse(requestId, response)],
      );
      return response;
    });
  }

  /** Forgets what is older than a day. */
  async expire(): Promise<number> {
    return this.database.acrossTenants('request-expiry', (tx) =>
      tx.execute(`delete from handled_requests where created_at < now() - make_interval(hours => $1)`, [keptForHours]),
    );
  }

  private async replay(tx: Tx, key: readonly unknown[], request: { requestId: string; hash: Buffer }): Promise<Uint8Array> {
    const [row] = await tx.query<HandledRow>(
      'select request_hash, response from handled_requests where tenant_id = $1 and principal = $2 and method = $3 and request_key = $4',
      key,
    );
    if (!row?.response || !row.request_hash.equals(request.hash))
      throw InvalidArgument.field('request_id', 'was used for another request; use a new UUID for each new request');
    return openResponse(request.requestId, row.response);
  }
}
