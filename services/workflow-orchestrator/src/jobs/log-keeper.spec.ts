import { keptLogBytes, LogKeeper } from './log-keeper.js';

describe('LogKeeper', () => {
  it('gives what waits to be written, once', () => {
    const keeper = new LogKeeper();
    keeper.add('one');
    keeper.add('two');
    expect(keeper.pending).toBe(2);
    expect(keeper.take(false)).toEqual({ lines: ['one', 'two'] });
    expect(keeper.take(true)).toBeUndefined();
    expect(keeper.keptBytes).toBe(8);
  });

  it('leaves out what is beyond the limit, and every line after it', () => {
    const keeper = new LogKeeper(keptLogBytes - 10);
    for (const line of ['12345678', 'longer', 'x']) keeper.add(line);
    expect(keeper.take(false)).toEqual({ lines: ['12345678'] });
    expect(keeper.take(true)).toEqual({ lines: [], dropped: 2 });
    expect(keeper.dropped).toBe(2);
  });

  it('counts on where another left off', () => {
    const keeper = new LogKeeper(10, 3);
    keeper.add('more');
    expect(keeper.take(true)).toEqual({ lines: [], dropped: 4 });
  });

  it('knows the last 4 KiB, of what others kept too', () => {
    const keeper = new LogKeeper();
    keeper.remember('known');
    keeper.add('new');
    expect(keeper.tail).toBe('known\nnew');
    for (let n = 0; n < 1000; n += 1) keeper.add(`line ${n}`);
    expect(Buffer.byteLength(keeper.tail)).toBeLessThanOrEqual(4096);
    expect(keeper.tail.endsWith('line 998\nline 999')).toBe(true);
    keeper.add('y'.repeat(60_000));
    expect(keeper.tail).toBe('y'.repeat(4096));
  });
});
