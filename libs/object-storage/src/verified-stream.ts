import { createHash } from 'node:crypto';
import { FailedPrecondition, OutOfRange } from '@q2/errors';
import type { StoredObject } from './object-store.port.js';

/**
 * Passes a content on from `offsetBytes`, and verifies all of it. The last chunk is held back until the whole content has
 * the size and SHA-256 of `expected`, so a reader that gets to the end has read the right bytes.
 *
 * A resumed read still hashes what lies before the offset: nothing else could prove that the two parts belong together.
 *
 * @throws {OutOfRange} OFFSET_PAST_END
 * @throws {FailedPrecondition} OBJECT_ALTERED
 */
export async function* verifiedStream(
  content: AsyncIterable<Uint8Array>,
  expected: StoredObject,
  offsetBytes = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (offsetBytes > expected.sizeBytes) throw offsetPastEnd(expected, offsetBytes);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let heldBack: Uint8Array | undefined;
  for await (const chunk of content) {
    hash.update(chunk);
    const wanted = chunk.subarray(Math.max(0, offsetBytes - sizeBytes));
    sizeBytes += chunk.byteLength;
    if (sizeBytes > expected.sizeBytes) throw objectAltered(expected);
    if (wanted.byteLength === 0) continue;
    if (heldBack !== undefined) yield heldBack;
    heldBack = wanted;
  }
  if (sizeBytes !== expected.sizeBytes || hash.digest('hex') !== expected.sha256) throw objectAltered(expected);
  if (heldBack !== undefined) yield heldBack;
}

function objectAltered({ sha256, sizeBytes }: StoredObject): FailedPrecondition {
  const message = `object ${sha256} (${sizeBytes} bytes) is not as it was stored; store its content again to repair it`;
  return new FailedPrecondition('OBJECT_ALTERED', message, { sha256 });
}

function offsetPastEnd({ sha256, sizeBytes }: StoredObject, offsetBytes: number): OutOfRange {
  return new OutOfRange('OFFSET_PAST_END', `offset ${offsetBytes} lies past the end of object ${sha256}, which has ${sizeBytes} bytes`, {
    sha256,
  });
}
