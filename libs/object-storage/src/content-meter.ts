import { createHash } from 'node:crypto';
import { InvalidArgument, ResourceExhausted } from '@q2/errors';
import type { PutOptions, StoredObject } from './object-store.port.js';

/** Measures a content while it streams by: its size, its SHA-256, and whether they are as expected. */
export class ContentMeter {
  private readonly hash = createHash('sha256');
  private sizeBytes = 0;

  constructor(private readonly options: PutOptions) {}

  /**
   * Takes the next chunk.
   *
   * @throws {ResourceExhausted} OBJECT_TOO_LARGE past `maxBytes`
   * @throws {InvalidArgument} past `expectedBytes`
   */
  add(chunk: Uint8Array): void {
    this.sizeBytes += chunk.byteLength;
    const { maxBytes, expectedBytes } = this.options;
    if (this.sizeBytes > maxBytes) {
      throw new ResourceExhausted('OBJECT_TOO_LARGE', `content is larger than the ${maxBytes} bytes allowed`, {
        maxBytes: String(maxBytes),
      });
    }
    if (expectedBytes !== undefined && this.sizeBytes > expectedBytes) {
      throw InvalidArgument.field('size_bytes', `must be the size of the content: ${expectedBytes} bytes announced, more were sent`);
    }
    this.hash.update(chunk);
  }

  /**
   * Ends the content.
   *
   * @throws {InvalidArgument} naming what is not as expected
   */
  finish(): StoredObject {
    const sha256 = this.hash.digest('hex');
    const { expectedBytes, expectedSha256 } = this.options;
    if (expectedBytes !== undefined && this.sizeBytes !== expectedBytes) {
      throw InvalidArgument.field(
        'size_bytes',
        `must be the size of the content: ${expectedBytes} bytes announced, ${this.sizeBytes} sent`,
      );
    }
    if (expectedSha256 !== undefined && sha256 !== expectedSha256) {
      throw InvalidArgument.field('sha256', `must be that of the content: ${expectedSha256} announced, ${sha256} sent`);
    }
    return { sha256, sizeBytes: this.sizeBytes };
  }
}
