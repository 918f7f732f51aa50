/** When a signing key is used, in the order of its life: published, signs, superseded, withdrawn. */
export interface KeyLife {
  readonly createdAt: Date;
  /** From when it signs. Later than its creation, so that it is in everyone's JWKS before the first token bears it. */
  readonly signsFrom: Date;
}

/** How signing keys follow one another. */
export interface RotationPolicy {
  /** How long a key signs before the next one does. */
  readonly keyLifetimeMs: number;
  /** How long a key is published before it signs: longer than anyone caches the JWKS. */
  readonly publishAheadMs: number;
  /** How long a key verifies after it stopped signing: longer than any token lives. */
  readonly verifyAfterMs: number;
}

/**
 * Picks the key to sign with: the newest whose time has come. Where none's has, the oldest: a platform with one key
 * signs with it.
 *
 * @param keys newest first
 */
export function findSigningKey<Key extends KeyLife>(keys: readonly Key[], now: Date): Key | undefined {
  return keys.find((key) => key.signsFrom <= now) ?? keys.at(-1);
}

/** Tells whether the newest key has signed long enough that its successor must be published. */
export function isRotationDue(newest: KeyLife | undefined, now: Date, policy: RotationPolicy): boolean {
  return newest === undefined || now.getTime() >= newest.signsFrom.getTime() + policy.keyLifetimeMs - policy.publishAheadMs;
}

/** From when the next key signs: the first key at once, any other once everyone can know it. */
export function nextSignsFrom(newest: KeyLife | undefined, now: Date, policy: RotationPolicy): Date {
  return newest === undefined ? now : new Date(now.getTime() + policy.publishAheadMs);
}

/**
 * Keeps the keys that a token in flight may bear: those not superseded, and those superseded so lately that a token of
 * theirs may still be valid.
 *
 * @param keys newest first
 */
export function verifyingKeys<Key extends KeyLife>(keys: readonly Key[], now: Date, policy: RotationPolicy): readonly Key[] {
  return keys.filter((_, index) => {
    const successor = keys[index - 1];
    return successor === undefined || now.getTime() < successor.signsFrom.getTime() + policy.verifyAfterMs;
  });
}
