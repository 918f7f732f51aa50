const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;
const { imul } = Math;

/** How many places a hash of version 2 can take. */
export const PLACES = 10_000;

/**
 * 32-bit FNV-1a over the UTF-16 code units of a text, as GrowthBook's reference SDK does it (for ASCII this is the
 * usual hash over bytes).
 *
 * @param state hash so far, so that a prefix can be hashed once
 */
export function fnv1a32(text: string, state: number = offsetBasis): number {
  let hash = state;
  for (let at = 0; at < text.length; at++) hash = imul(hash ^ text.charCodeAt(at), prime);
  return hash >>> 0;
}

/** The versions of the specification's hash: 1 has 1,000 buckets and is biased across experiments; 2 has 10,000. */
export type HashVersion = 1 | 2;

/** Whether the specification knows this version. */
export function isHashVersion(version: number): version is HashVersion {
  return version === 1 || version === 2;
}

/**
 * Places a value on [0, 1), always at the same place for the same seed.
 * Source: GrowthBook SDK specification, `hash`.
 */
export function hash(seed: string, value: string, version: HashVersion): number {
  return version === 1 ? (fnv1a32(value + seed) % 1000) / 1000 : placeOf(fnv1a32(seed), value) / PLACES;
}

/**
 * Which of the 10,000 places a value takes in version 2 of the hash.
 *
 * @param seedState the seed's `fnv1a32`, computed once: what makes millions of assignments a second possible
 */
export function placeOf(seedState: number, value: string): number {
  return fnv1a32(`${fnv1a32(value, seedState)}`) % PLACES;
}
