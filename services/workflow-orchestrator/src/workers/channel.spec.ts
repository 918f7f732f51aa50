import { Channel } from './channel.js';

async function all<T>(channel: Channel<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of channel) items.push(item);
  return items;
}

describe('Channel', () => {
  it('gives out what is put in, in order, until it is closed', async () => {
    const channel = new Channel<number>();
    const taken = all(channel);
    channel.push(1);
    await Promise.resolve();
    channel.push(2);
    channel.close();
    channel.push(3);
    expect(await taken).toEqual([1, 2]);
  });

  it('ends with its first error, after what is in it', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    channel.fail(new Error('first'));
    channel.fail(new Error('second'));
    const items = channel[Symbol.asyncIterator]();
    expect(await items.next()).toEqual({ value: 1, done: false });
    await expect(items.next()).rejects.toThrow('first');
  });
});
