import type { BusMessage } from '@q2/events';

/** Largest body of a record. With its headers it fits into a Kafka message of the default limit, also as a dead letter. */
export const maxBodyBytes = 524_288;
/** Most headers of a dead letter. */
const maxHeaders = 32;

const shownHeader = /^(?:ce_[a-z0-9]{1,40}|q2_tenant|q2_principal|content-type|traceparent|tracestate)$/;
/** API keys, and JWTs of any issuer. */
const credentials = /q2_k[a-z2-7]{15}_[A-Za-z0-9_-]{43}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}/g;

/** The text with everything that could be a credential taken out. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(credentials, '[removed]');
}

/**
 * A message as it may be shown to others: only headers that mean something, nowhere a credential, also not where a producer
 * put it by mistake; a body that is too large is left out, and its size told.
 */
export function redactMessage(message: BusMessage): BusMessage {
  const { key, value } = message;
  const shown = Object.entries(message.headers).filter(([name]) => shownHeader.test(name));
  const headers = Object.fromEntries(shown.slice(0, maxHeaders).map(([name, text]) => [name, withoutCredentials(text)]));
  const isTooLarge = value.byteLength > maxBodyBytes;
  return {
    ...message,
    key: withoutCredentials(key),
    headers: isTooLarge ? { ...headers, q2_body_bytes: String(value.byteLength) } : headers,
    value: isTooLarge ? new Uint8Array() : redactBytes(value),
  };
}

/** Latin 1 keeps every byte as it is, so that bodies of any encoding, or none, come out otherwise unchanged. */
function redactBytes(value: Uint8Array): Uint8Array {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  const redacted = withoutCredentials(text);
  return redacted === text ? value : Buffer.from(redacted, 'latin1');
}
