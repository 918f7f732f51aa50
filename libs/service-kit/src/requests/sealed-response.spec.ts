import fc from 'fast-check';
import { openResponse, requestKey, sealResponse } from './sealed-response.js';

describe('sealResponse', () => {
  it('gives back any answer to who knows the request id, whatever the case of its letters', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uint8Array({ maxLength: 500 }), (id, answer) => {
        expect([...openResponse(id.toUpperCase(), sealResponse(id, answer))]).toEqual([...answer]);
        expect(requestKey(id.toUpperCase()).equals(requestKey(id))).toBe(true);
      }),
    );
  });

  it('gives nothing to anybody else, and notices a change', () => {
    const sealed = sealResponse('018f2f4e-9d2a-7c3b-8a1f-0123456789ab', Buffer.from('secret'));
    expect(sealed.includes('secret')).toBe(false);
    expect(() => openResponse('018f2f4e-9d2a-7c3b-8a1f-0123456789ac', sealed)).toThrow();
    sealed[15] = (sealed[15] ?? 0) ^ 1;
    expect(() => openResponse('018f2f4e-9d2a-7c3b-8a1f-0123456789ab', sealed)).toThrow();
  });
});
