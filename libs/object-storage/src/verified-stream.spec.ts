import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { FailedPrecondition, OutOfRange } from '@q2/errors';
import type { StoredObject } from './object-store.port.js';
import { verifiedStream } from './verified-stream.js';

const describeContent = (content: Uint8Array): StoredObject => ({
  sha256: createHash('sha256').update(content).digest('hex'),
  sizeBytes: content.byteLength,
});

async function* chunked(content: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

/** What a reader has in hand when the stream ends, and the error it ended with. */
async function readAll(stream: AsyncIterable<Uint8Array>): Promise<{ bytes: Buffer; error: unknown }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error };
  }
}

const contents = fc.uint8Array({ minLength: 1, maxLength: 200 });

describe('verifiedStream', () => {
  it('passes on exactly the bytes from the offset, however they are chunked', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 1, max: 64 }), fc.nat(), async (content, chunkBytes, at) => {
        const offset = at % (content.byteLength + 1);
        const { bytes, error } = await readAll(verifiedStream(chunked(content, chunkBytes), describeContent(content), offset));
        expect(error).toBeUndefined();
        expect(bytes.equals(content.subarray(offset))).toBe(true);
      }),
    );
  });

  it('never passes on the last chunk of a content with one bit changed', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 1, max: 64 }), fc.nat(), async (content, chunkBytes, at) => {
        const altered = content.map((byte, index) => (index === at % content.byteLength ? byte ^ 1 : byte));
        const { bytes, error } = await readAll(verifiedStream(chunked(altered, chunkBytes), describeContent(content)));
        expect(error).toBeInstanceOf(FailedPrecondition);
        expect(bytes.byteLength).toBeLessThan(content.byteLength);
      }),
    );
  });

  it('never passes on the last chunk of a content cut short', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 1, max: 64 }), fc.nat(), async (content, chunkBytes, at) => {
        const cut = content.subarray(0, at % content.byteLength);
        const { error } = await readAll(verifiedStream(chunked(cut, chunkBytes), describeContent(content)));
        expect(error).toBeInstanceOf(FailedPrecondition);
      }),
    );
  });

  it('stops at the first byte too many', async () => {
    const content = Buffer.from('abc');
    const { bytes, error } = await readAll(verifiedStream(chunked(Buffer.from('abcd'), 1), describeContent(content)));
    expect(error).toBeInstanceOf(FailedPrecondition);
    expect(bytes.toString()).toBe('ab');
  });

  it('refuses an offset past the end', async () => {
    const content = Buffer.from('abc');
    const { error } = await readAll(verifiedStream(chunked(content, 1), describeContent(content), 4));
    expect(error).toBeInstanceOf(OutOfRange);
  });

  it('verifies an empty content', async () => {
    const { bytes, error } = await readAll(verifiedStream(chunked(Buffer.alloc(0), 1), describeContent(Buffer.alloc(0))));
    expect(error).toBeUndefined();
    expect(bytes.byteLength).toBe(0);
  });
});
