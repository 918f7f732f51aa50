import { maxBodyBytes, redactMessage, withoutCredentials } from './redaction.js';

const key = `q2_k${'b'.repeat(15)}_${'-'.repeat(43)}`;
const token = `eyJhbGciOiJFZERTQSJ9.${'x'.repeat(40)}.${'y'.repeat(86)}`;
const message = { topic: 't', key: 'k', headers: { ce_id: '1' }, value: Buffer.from([0, 255, 195, 40]) };

describe('withoutCredentials', () => {
  it('takes out API keys and tokens wherever they stand', () => {
    expect(withoutCredentials(`a ${key}, b ${token}; c ${key}`)).toBe('a [removed], b [removed]; c [removed]');
    expect(withoutCredentials('q2_tenant and eyJust a text.')).toBe('q2_tenant and eyJust a text.');
  });
});

describe('redactMessage', () => {
  it('leaves a body without credentials as it is, byte by byte', () => {
    expect(redactMessage(message).value).toBe(message.value);
  });

  it('takes credentials out of key, headers and body', () => {
    const value = Buffer.concat([Buffer.from([255]), Buffer.from(`"${key}"`), Buffer.from([254])]);
    const redacted = redactMessage({ ...message, key: `k-${key}`, headers: { ce_subject: token }, value });
    expect(redacted).toMatchObject({ key: 'k-[removed]', headers: { ce_subject: '[removed]' } });
    expect(Buffer.from(redacted.value)).toEqual(Buffer.concat([Buffer.from([255]), Buffer.from('"[removed]"'), Buffer.from([254])]));
  });

  it('keeps the headers that mean something, and not more than a few', () => {
    const extensions = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`ce_ext${index}`, 'x']));
    const headers = {
      authorization: 'Bearer x',
      Authorization: 'Bearer x',
      'x-api-key': 'x',
      dlq_id: 'x',
      q2_tenant: 'acme',
      ...extensions,
    };
    const kept = Object.keys(redactMessage({ ...message, headers }).headers);
    expect(kept).toHaveLength(32);
    expect(kept.filter((name) => !name.startsWith('ce_'))).toEqual(['q2_tenant']);
  });

  it('leaves out a body that is too large, and tells its size', () => {
    const redacted = redactMessage({ ...message, value: new Uint8Array(maxBodyBytes + 1) });
    expect([redacted.value.byteLength, redacted.headers['q2_body_bytes']]).toEqual([0, '524289']);
    expect(redactMessage({ ...message, value: new Uint8Array(maxBodyBytes) }).value.byteLength).toBe(maxBodyBytes);
  });
});
