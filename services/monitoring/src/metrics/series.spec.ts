import fc from 'fast-check';
import { labelsKey, seriesHash } from './series.js';

const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.string({ maxLength: 5 }), { maxKeys: 4 });

describe('seriesHash', () => {
  it('is the same for the same labels in any order', () => {
    fc.assert(
      fc.property(labels, (given) => {
        const reversed = Object.fromEntries(Object.entries(given).reverse());
        expect(seriesHash('m', reversed)).toBe(seriesHash('m', given));
      }),
    );
  });

  it('differs where metric or labels differ', () => {
    expect(seriesHash('a', {})).not.toBe(seriesHash('b', {}));
    expect(seriesHash('a', { x: '1' })).not.toBe(seriesHash('a', { x: '2' }));
    expect(seriesHash('a', { x: '1' })).not.toBe(seriesHash('a', { y: '1' }));
  });
});

describe('labelsKey', () => {
  it('does not see empty labels', () => {
    expect(labelsKey({ a: '', b: '1' })).toBe(labelsKey({ b: '1' }));
  });
});
