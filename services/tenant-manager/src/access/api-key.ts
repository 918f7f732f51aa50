import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The two parts of a key's text. */
export interface ApiKeyText {
  /** Public; finds the key, and is the last segment of its name. */
  readonly id: string;
  readonly secret: string;
}

const keyText = /^q2_(?<id>k[a-z2-7]{15})_(?<secret>[A-Za-z0-9_-]{43})$/;

/** Makes a new key: an id of 75 random bits, so that ids never meet, and a secret of 256. */
export function newApiKey(): ApiKeyText {
  return { id: `k${base32(randomBytes(15))}`, secret: newSecret() };
}

/** 256 random bits, as base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Five bits of each byte as a letter or digit: fifteen bytes make fifteen characters. */
function base32(bytes: Buffer): string {
  return Array.from(bytes, (byte) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(byte & 31)).join('');
}

/** Writes a key as its holder keeps it: `q2_<id>_<secret>`. */
export function formatApiKey({ id, secret }: ApiKeyText): string {
  return `q2_${id}_${secret}`;
}

/** Reads a key's text; undefined where it is none. */
export function findApiKeyParts(text: string): ApiKeyText | undefined {
  const groups = keyText.exec(text)?.groups;
  const id = groups?.['id'];
  const secret = groups?.['secret'];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/**
 * SHA-256 of a secret. One round without salt is right here, unlike for passwords: a secret has 256 random bits, so
 * neither a dictionary nor a table helps against its hash.
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares in a time that does not depend on where the two differ. */
export function secretMatches(secret: string, hash: Buffer): boolean {
  return timingSafeEqual(hashSecret(secret), hash);
}

/** What a stored key needs for deciding whether a secret is good for it. */
export interface StoredApiKey {
  readonly secretHash: Buffer;
  readonly previousSecretHash: Buffer | null;
  readonly previousExpiresAt: Date | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** Where a key is in its life. */
export type ApiKeyState = 'ACTIVE' | 'EXPIRED' | 'REVOKED';

/** Tells whether a key still works. */
export function apiKeyState(key: Pick<StoredApiKey, 'expiresAt' | 'revokedAt'>, now: Date): ApiKeyState {
  if (key.revokedAt !== null) return 'REVOKED';
  return key.expiresAt !== null && key.expiresAt <= now ? 'EXPIRED' : 'ACTIVE';
}

/** Tells whether a secret opens a key now: the current one does, and the one before it until its overlap ends. */
export function opensApiKey(key: StoredApiKey, secret: string, now: Date): boolean {
  const isCurrent = secretMatches(secret, key.secretHash);
  const isPrevious = key.previousSecretHash !== null && secretMatches(secret, key.previousSecretHash);
  const overlaps = key.previousExpiresAt !== null && now < key.previousExpiresAt;
  return apiKeyState(key, now) === 'ACTIVE' && (isCurrent || (isPrevious && overlaps));
}
