import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, silentLog } from '../contract/contract-world.js';
import { OffsetCommits } from './offset-commits.js';

describe('OffsetCommits', () => {
  type Positions = readonly { topic: string; partition: number; offset: string }[];
  const stored: Positions[] = [];
  let fails = 0;
  let before: () => Promise<void> = () => Promise.resolve();
  let commits: OffsetCommits;

  beforeEach(() => {
    stored.length = 0;
    fails = 0;
    before = () => Promise.resolve();
    const commit = async (positions: Positions) => {
      await before();
      if (fails > 0) {
        fails -= 1;
        throw new Error('the group is being shared out');
      }
      stored.push(positions);
    };
    commits = new OffsetCommits({ group: 'g', log: silentLog, commit });
  });

  const record = (partition: number, offset: string) => ({ topic: 't', partition, offset });

  it('stores the place after the last record of each partition, all together', async () => {
    commits.note(record(0, '4'));
    commits.note(record(1, '9007199254740993'));
    commits.note(record(0, '5'));
    await eventually(() => stored.length > 0);
    expect(stored).toEqual([[record(0, '6'), record(1, '9007199254740994')]]);
  });

  it('tries again where the group takes nothing', async () => {
    fails = 1;
    commits.note(record(0, '4'));
    await eventually(() => stored.length > 0);
    expect(stored).toEqual([[record(0, '5')]]);
  });

  it('does not forget what came while it stored', async () => {
    before = async () => {
      before = () => Promise.resolve();
      commits.note(record(0, '5'));
      await sleep(1);
    };
    commits.note(record(0, '4'));
    await eventually(() => stored.length === 2);
    expect(stored.flat().map(({ offset }) => offset)).toEqual(['5', '6']);
  });

  it('stores everything when it ends, or gives up after three tries', async () => {
    commits.note(record(0, '4'));
    await commits.finish();
    expect(stored).toEqual([[record(0, '5')]]);
    fails = 3;
    commits.note(record(0, '5'));
    await commits.finish();
    expect([stored.length, fails]).toEqual([1, 0]);
  });

  it('stores nothing of a partition that is another’s', async () => {
    commits.note(record(0, '4'));
    commits.forget('t/0');
    await commits.finish();
    expect(stored).toEqual([]);
  });
});
