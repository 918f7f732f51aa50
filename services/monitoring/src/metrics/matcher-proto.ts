import { monitoring } from '@q2/contracts';
import type { LabelMatcher } from './series.js';

const { NOT_EQUAL, EQUAL } = monitoring.LabelMatcher_Operator;

/** Matchers as the rules know them. */
export function fromMatcherProtos(matchers: readonly monitoring.LabelMatcher[]): LabelMatcher[] {
  return matchers.map(({ label, operator, value }) => ({ label, isEqual: operator !== NOT_EQUAL, value }));
}

/** Matchers as the contract states them. */
export function toMatcherProtos(matchers: readonly LabelMatcher[]) {
  return matchers.map(({ label, isEqual, value }) => ({ label, operator: isEqual ? EQUAL : NOT_EQUAL, value }));
}
