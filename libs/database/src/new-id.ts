import { randomBytes } from 'node:crypto';

let lastAtMs = 0;
let sequence = 0;

/**
 * A new UUIDv7: ids made later sort later, also within one millisecond of this process (RFC 9562, section 6.2,
 * method 1: a counter in `rand_a`). PostgreSQL's own `uuidv7()` makes ids of the same kind.
 */
export function newId(): string {
  const bytes = randomBytes(16);
  nextInstant();
  bytes.writeUIntBE(lastAtMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | sequence, 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Moves the clock of ids forward: by the real one, or by the counter while the real one stands still or goes back. */
function nextInstant(): void {
  const nowMs = Date.now();
  if (nowMs > lastAtMs) {
    lastAtMs = nowMs;
    sequence = 0;
    return;
  }
  sequence += 1;
  if (sequence > 0xfff) {
    lastAtMs += 1;
    sequence = 0;
  }
}
