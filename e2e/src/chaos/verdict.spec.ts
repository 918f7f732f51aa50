import { allHold, exactlyOnce, inOrder, merged, nothingLeft, sameContent, verdictRows } from './verdict.js';

describe('exactlyOnce', () => {
  it('holds where each expected key is there once', () => {
    expect(exactlyOnce('c', ['a', 'b'], ['b', 'a'])).toEqual({ claim: 'c', checked: 2, violations: [] });
  });

  it('names what is lost, doubled and unknown', () => {
    expect(exactlyOnce('c', ['a', 'b'], ['b', 'b', 'x']).violations).toEqual(['a is lost', 'b is there 2 times', 'x was never asked for']);
  });
});

describe('sameContent', () => {
  it('names what is lost or differs, and leaves alone what was not acknowledged', () => {
    const expected = new Map([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]);
    const found = new Map([
      ['a', '1'],
      ['b', '9'],
      ['d', '4'],
    ]);
    expect(sameContent('c', expected, found)).toEqual({
      claim: 'c',
      checked: 3,
      violations: ['b is 9 instead of 2', 'c is lost instead of 3'],
    });
  });
});

describe('inOrder', () => {
  it('holds whatever comes between', () => {
    expect(inOrder('c', ['a', 'b', 'c'], ['a', 'x', 'b', 'c']).violations).toEqual([]);
  });

  it('names each key that comes too early', () => {
    expect(inOrder('c', ['a', 'b', 'c'], ['b', 'a', 'c']).violations).toEqual(['b comes before a']);
  });

  it('leaves what is lost to the claim about losses', () => {
    expect(inOrder('c', ['a', 'b'], ['a'])).toEqual({ claim: 'c', checked: 2, violations: [] });
  });
});

describe('nothingLeft', () => {
  it('names what is left and how much', () => {
    expect(nothingLeft('c', { outbox: 0, parked: 2 })).toEqual({ claim: 'c', checked: 2, violations: ['parked: 2'] });
  });
});

describe('the table', () => {
  const good = exactlyOnce('good', ['a'], ['a']);
  const bad = exactlyOnce('bad', ['a'], []);

  it('adds up verdicts on the same claim', () => {
    expect(merged([good, bad, good])).toEqual([{ ...good, checked: 2 }, bad]);
  });

  it('has a row for each claim; what was never checked does not hold', () => {
    expect(verdictRows([good, bad, exactlyOnce('empty', [], [])])).toEqual([
      ['verdict', 'claim', 'checked', 'violations'],
      ['holds', 'good', '1', '0'],
      ['BROKEN', 'bad', '1', '1'],
      ['BROKEN', 'empty', '0', '0'],
    ]);
    expect([allHold([good]), allHold([good, bad]), allHold([exactlyOnce('empty', [], [])]), allHold([])]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
