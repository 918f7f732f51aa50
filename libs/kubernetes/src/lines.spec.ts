import fc from 'fast-check';
import { linesOf } from './lines.js';

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncIterable<Buffer> {
  let from = 0;
  for (const size of sizes) {
    yield await Promise.resolve(bytes.subarray(from, from + size));
    from += size;
  }
  yield bytes.subarray(from);
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('linesOf', () => {
  it('gives the lines of any text however it is cut', async () => {
    const text = fc.array(
      fc.string({ unit: 'binary' }).map((line) => line.replaceAll('\n', '')),
      { minLength: 1 },
    );
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(9)), async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        expect(await collect(linesOf(chunksOf(bytes, sizes)))).toEqual(lines.map((line) => Buffer.from(line).toString()));
      }),
    );
  });

  it('gives a last line that does not end', async () => {
    expect(await collect(linesOf(chunksOf(Buffer.from('a\nb'), [1])))).toEqual(['a', 'b']);
  });

  it('keeps no more of a line than the limit', async () => {
    expect(await collect(linesOf(chunksOf(Buffer.from(`${'x'.repeat(100)}\ny\n${'z'.repeat(50)}`), [30, 30]), 10))).toEqual([
      'x'.repeat(10),
      'y',
      'z'.repeat(10),
    ]);
  });
});
