import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/** What a request is looked up by: only a digest of its id is stored. */
export function requestKey(requestId: string): Buffer {
  return createHash('sha256').update('q2 request key').update(requestId.toLowerCase()).digest();
}

/**
 * Encrypts an answer under its request id (AES-256-GCM, key by HKDF). An answer can hold a secret that is stored nowhere
 * else, such as a new API key; so it can be read again only by who knows the request id, which is not stored.
 */
export function sealResponse(requestId: string, response: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(requestId), nonce);
  return Buffer.concat([nonce, cipher.update(response), cipher.final(), cipher.getAuthTag()]);
}

/** Reads what `sealResponse` wrote. */
export function openResponse(requestId: string, sealed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(requestId), bytes.subarray(0, nonceBytes));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes)), decipher.final()]);
}

function sealingKey(requestId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', requestId.toLowerCase(), '', 'q2 sealed response', 32));
}
