import { type BucketRange, inRange } from './bucket-range.js';
import { hash } from './hash.js';

/** Part of a mutual-exclusion layer: experiments with disjoint ranges of one namespace never share a unit. */
export interface Namespace {
  readonly id: string;
  readonly range: BucketRange;
}

/** Whether a unit falls into this part of the namespace. Source: GrowthBook SDK specification, `inNamespace`. */
export function inNamespace(unitId: string, namespace: Namespace): boolean {
  return inRange(hash(`__${namespace.id}`, unitId, 1), namespace.range);
}
