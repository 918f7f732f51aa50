import { recordsLeft } from './group-lags.js';

const ends = new Map([
  [0, { low: 10n, high: 30n }],
  [1, { low: 0n, high: 0n }],
]);

describe('recordsLeft', () => {
  it.each([
    ['counts from the position', [{ partition: 0, offset: '25' }], 5],
    ['counts all that is kept where there is no position', [{ partition: 0, offset: '-1' }], 20],
    ['does not count what has been deleted', [{ partition: 0, offset: '3' }], 20],
    ['is never less than none', [{ partition: 0, offset: '31' }], 0],
    [
      'adds up partitions, of which one may be unknown',
      [
        { partition: 0, offset: '29' },
        { partition: 1, offset: '-1' },
        { partition: 7, offset: '5' },
      ],
      1,
    ],
  ])('%s', (_law, positions, records) => {
    expect(recordsLeft(ends, positions)).toBe(records);
  });

  it('is none of a topic that nobody knows', () => {
    expect(recordsLeft(undefined, [{ partition: 0, offset: '5' }])).toBe(0);
  });
});
