import fc from 'fast-check';
import { apiKeyState, findApiKeyParts, formatApiKey, hashSecret, newApiKey, opensApiKey, type StoredApiKey } from './api-key.js';

const now = new Date('2026-11-22T12:00:00Z');
const before = new Date(now.getTime() - 1);
const after = new Date(now.getTime() + 1);

const aKey = (changes: Partial<StoredApiKey> = {}): StoredApiKey => ({
  secretHash: hashSecret('current'),
  previousSecretHash: null,
  previousExpiresAt: null,
  expiresAt: null,
  revokedAt: null,
  ...changes,
});

describe('the text of a key', () => {
  it('reads back as it was made', () => {
    const key = newApiKey();
    expect(findApiKeyParts(formatApiKey(key))).toEqual(key);
    expect(key.id).toMatch(/^[a-z][a-z0-9]{15}$/);
  });

  it('is different every time', () => {
    const texts = new Set(Array.from({ length: 1000 }, () => formatApiKey(newApiKey())));
    expect(texts.size).toBe(1000);
  });

  it('is not found in anything else', () => {
    fc.assert(fc.property(fc.string(), (text) => findApiKeyParts(text) === undefined));
    const text = formatApiKey(newApiKey());
    for (const broken of [`${text}A`, text.slice(1), text.slice(0, -1), text.toUpperCase(), ` ${text}`, `${text}\n`]) {
      expect(findApiKeyParts(broken)).toBeUndefined();
    }
  });
});

describe('apiKeyState', () => {
  it('ends at the instant of expiry, and with revocation whatever the time', () => {
    expect(apiKeyState(aKey({ expiresAt: after }), now)).toBe('ACTIVE');
    expect(apiKeyState(aKey({ expiresAt: now }), now)).toBe('EXPIRED');
    expect(apiKeyState(aKey({ expiresAt: before, revokedAt: now }), now)).toBe('REVOKED');
  });
});

describe('opensApiKey', () => {
  it('opens with the current secret only', () => {
    expect(opensApiKey(aKey(), 'current', now)).toBe(true);
    expect(opensApiKey(aKey(), 'other', now)).toBe(false);
  });

  it('opens with the secret before it until the overlap ends', () => {
    const rotated = (previousExpiresAt: Date) => aKey({ previousSecretHash: hashSecret('old'), previousExpiresAt });
    expect(opensApiKey(rotated(after), 'old', now)).toBe(true);
    expect(opensApiKey(rotated(now), 'old', now)).toBe(false);
    expect(opensApiKey(rotated(after), 'current', now)).toBe(true);
  });

  it('opens with nothing once it expired or was revoked', () => {
    expect(opensApiKey(aKey({ expiresAt: now }), 'current', now)).toBe(false);
    expect(opensApiKey(aKey({ revokedAt: before }), 'current', now)).toBe(false);
  });
});
