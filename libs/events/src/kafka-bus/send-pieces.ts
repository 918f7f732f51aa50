import type { BusMessage } from '../event-bus.port.js';
import { bytesOf } from './kafka-records.js';

/** Brokers refuse a record batch over 1 MiB by default; what is sent at once is one batch for each partition, together under this. */
export const largestSendBytes = 768 * 1024;
/** And not more messages than that, so that an answer comes soon. */
export const largestSendMessages = 2_000;

/** Messages to be sent together. */
export interface Piece {
  readonly messages: readonly BusMessage[];
  readonly bytes: number;
}

/** Cuts messages, in order, into pieces within the limits; a message over the limit is a piece of its own. */
export function cutIntoPieces(messages: readonly BusMessage[]): Piece[] {
  const pieces: { messages: BusMessage[]; bytes: number }[] = [];
  for (const message of messages) {
    const bytes = bytesOf(message);
    const last = pieces.at(-1);
    if (last !== undefined && last.bytes + bytes <= largestSendBytes && last.messages.length < largestSendMessages) {
      last.messages.push(message);
      last.bytes += bytes;
    } else pieces.push({ messages: [message], bytes });
  }
  return pieces;
}

/** How many of the pieces that wait, from the first on, go into one send: at least one. */
export function piecesOfOneSend(waiting: readonly Piece[]): number {
  const total = { messages: 0, bytes: 0 };
  const tooMuch = waiting.findIndex((piece, index) => {
    total.messages += piece.messages.length;
    total.bytes += piece.bytes;
    return index > 0 && (total.bytes > largestSendBytes || total.messages > largestSendMessages);
  });
  return tooMuch === -1 ? waiting.length : tooMuch;
}
