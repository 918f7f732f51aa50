import { createHash } from 'node:crypto';

/** Labels of a series, or of a group of series. */
export type Labels = Readonly<Record<string, string>>;

/** Chooses series by one label; a label that a series lacks counts as the empty text. */
export interface LabelMatcher {
  readonly label: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/** Labels in the one form that equal labels share: sorted by name, and without empty values, which mean the same as no label. */
export function canonicalLabels(labels: Labels): Labels {
  const entries = Object.entries(labels).filter(([, value]) => value !== '');
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** What identifies labels among others: equal for equal labels, whatever their order. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(canonicalLabels(labels)));
}

/** What identifies a series of a tenant, in hexadecimal: SHA-256 of metric and labels. */
export function seriesHash(metric: string, labels: Labels): string {
  return createHash('sha256')
    .update(`${metric}\n${labelsKey(labels)}`)
    .digest('hex');
}
