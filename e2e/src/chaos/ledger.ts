import type { DescMethod } from '@bufbuild/protobuf';
import { methodPolicy } from '@q2/contracts';

/** A request that the platform said yes to. */
export interface Acknowledged {
  readonly requestId: string;
  /** Such as `q2.models.v1.ModelService/CreateModel`. */
  readonly method: string;
  readonly isAudited: boolean;
  /** Resource name of the tenant whose audit log tells of it. */
  readonly tenant: string;
  /** Requests of one sequence are made one after the other: each once the one before is acknowledged. */
  readonly sequence: string;
  /** How often it was sent until it was acknowledged. */
  readonly tries: number;
}

/** What was promised: every request that was acknowledged, in the order in which it was. */
export class Ledger {
  private readonly requests: Acknowledged[] = [];
  private readonly refused: string[] = [];

  acknowledge(method: DescMethod, request: Omit<Acknowledged, 'method' | 'isAudited'>): void {
    this.requests.push({ ...request, method: `${method.parent.typeName}/${method.name}`, isAudited: methodPolicy(method).audited });
  }

  /** Notes a request that was refused for good, which none of ours should be. */
  refuse(method: DescMethod, reason: string): void {
    this.refused.push(`${method.parent.typeName}/${method.name}: ${reason}`);
  }

  get acknowledged(): readonly Acknowledged[] {
    return this.requests;
  }

  get refusals(): readonly string[] {
    return this.refused;
  }

  /** Requests that were sent more than once: their first outcome was unknown, or the platform was away. */
  get repeated(): number {
    return this.requests.filter(({ tries }) => tries > 1).length;
  }
}
