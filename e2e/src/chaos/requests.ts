import type { DescMethod } from '@bufbuild/protobuf';
import { patiently } from '../demo/patience.js';
import type { Ledger } from './ledger.js';
import { uuidOf } from './random.js';

/** Longest wait for the answer of a stream: one whose server has gone is made again. */
export const streamTimeoutMs = 15_000;

/** Who makes a sequence of requests, and where they are written down. */
export interface SequenceOptions {
  readonly seed: number;
  /** Resource name of the tenant that the requests are about. */
  readonly tenant: string;
  readonly sequence: string;
  readonly ledger: Ledger;
}

/**
 * Requests made one after the other. One whose outcome is unknown is repeated under the same id until it is acknowledged; then
 * it is in the ledger. The ids follow from the seed, so that a repeated run makes the same requests.
 */
export class Requests {
  private count = 0;

  constructor(private readonly options: SequenceOptions) {}

  /** @throws what the platform refused the request with, where it is none of what passes */
  async send<T>(method: DescMethod, call: (requestId: string) => Promise<T>): Promise<T> {
    const { seed, tenant, sequence, ledger } = this.options;
    this.count += 1;
    const requestId = uuidOf(seed, tenant, sequence, this.count);
    let tries = 0;
    try {
      const answer = await patiently(() => {
        tries += 1;
        return call(requestId);
      });
      ledger.acknowledge(method, { requestId, tenant, sequence, tries });
      return answer;
    } catch (error) {
      ledger.refuse(method, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
}
