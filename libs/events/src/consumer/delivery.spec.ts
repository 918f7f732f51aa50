import fc from 'fast-check';
import { describeError, storableMessage } from './delivery.js';

describe('storableMessage', () => {
  it('leaves nothing in key and headers that PostgreSQL cannot keep, whatever a producer sent', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\0', '\ud800', '\udc00', 'ü') });
    fc.assert(
      fc.property(text, fc.dictionary(text, text), (key, headers) => {
        const stored = storableMessage({ topic: 't', key, headers, value: Buffer.alloc(0) });
        for (const part of [stored.key, ...Object.entries(stored.headers).flat()]) {
          expect(part.includes('\0')).toBe(false);
          expect(part.isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it('changes nothing that can be kept', () => {
    const message = { topic: 't', key: 'tenants/ümläut', headers: { ce_id: '1' }, value: Buffer.from('x') };
    expect(storableMessage(message)).toEqual(message);
  });
});

describe('describeError', () => {
  it('says the kind and the sentence, shortened', () => {
    expect(describeError(new TypeError('no such thing'))).toBe('TypeError: no such thing');
    expect(describeError('just text')).toBe('just text');
    expect(describeError(new Error('x'.repeat(5_000)))).toHaveLength(1_000);
  });
});
