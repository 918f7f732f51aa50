import fc from 'fast-check';
import { plainMessage } from '../contract/contract-world.js';
import { cutIntoPieces, largestSendBytes, largestSendMessages, piecesOfOneSend } from './send-pieces.js';

const message = (bytes: number, index = 0) => plainMessage('t', `key-${index}`, 'x'.repeat(bytes));
const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 100_000, max: 1_000_000 })), { maxLength: 40 });

describe('cutIntoPieces', () => {
  it('keeps every message, in order, and no piece of several over the limit', () => {
    fc.assert(
      fc.property(sizes, (given) => {
        const messages = given.map(message);
        const pieces = cutIntoPieces(messages);
        expect(pieces.flatMap((piece) => piece.messages)).toEqual(messages);
        for (const piece of pieces) expect(piece.messages.length === 1 || piece.bytes <= largestSendBytes).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('cuts where there are very many', () => {
    const messages = Array.from({ length: largestSendMessages + 1 }, (_, index) => message(1, index));
    expect(cutIntoPieces(messages).map((piece) => piece.messages.length)).toEqual([largestSendMessages, 1]);
  });

  it('has nothing to cut where there is nothing', () => {
    expect(cutIntoPieces([])).toEqual([]);
  });
});

describe('piecesOfOneSend', () => {
  const piece = (messages: number, bytes: number) => ({ messages: Array.from({ length: messages }, () => message(0)), bytes });

  it('takes what fits together', () => {
    expect(piecesOfOneSend([piece(1, 100), piece(1, 100)])).toBe(2);
    expect(piecesOfOneSend([piece(1, 100), piece(1, largestSendBytes - 100), piece(1, 1)])).toBe(2);
    expect(piecesOfOneSend([piece(largestSendMessages - 1, 1), piece(1, 1), piece(1, 1)])).toBe(2);
  });

  it('takes at least one, however large', () => {
    expect(piecesOfOneSend([piece(1, largestSendBytes * 2), piece(1, 1)])).toBe(1);
  });
});
