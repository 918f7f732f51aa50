import { once } from 'node:events';
import { connect } from 'node:net';

/** What the header of a stored record batch says. */
export interface RecordBatchHeader {
  readonly isGzipped: boolean;
  readonly hasLogAppendTime: boolean;
  /** Of an idempotent producer; negative where it is none. */
  readonly producerId: bigint;
  readonly records: number;
}

/** Reads the headers of the batches at the beginning of a partition as the broker stores them, by a request of our own: clients hide them. */
export async function readBatchHeaders(broker: string, topic: string, partition: number): Promise<RecordBatchHeader[]> {
  const response = await exchange(broker, fetchRequest(topic, partition));
  // correlation id, throttle time, one topic with its name, one partition: number, error, two offsets, aborted transactions.
  const aborted = 4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4 + 2 + 8 + 8;
  const log = response.subarray(aborted + 4 + Math.max(0, response.readInt32BE(aborted)) * 16 + 4);
  const headers: RecordBatchHeader[] = [];
  for (let at = 0; at + 61 <= log.length; at += 12 + log.readInt32BE(at + 8)) {
    const attributes = log.readInt16BE(at + 21);
    headers.push({
      isGzipped: (attributes & 7) === 1,
      hasLogAppendTime: (attributes & 8) !== 0,
      producerId: log.readBigInt64BE(at + 43),
      records: log.readInt32BE(at + 57),
    });
  }
  return headers;
}

/** Fetch, version 4, from the first offset on. */
function fetchRequest(topic: string, partition: number): Buffer {
  const name = Buffer.from(topic);
  const request = Buffer.alloc(64);
  let at = 0;
  const int16 = (value: number) => (at = request.writeInt16BE(value, at));
  const int32 = (value: number) => (at = request.writeInt32BE(value, at));
  int16(1); // Fetch
  int16(4);
  int32(1); // correlation id
  int16(0); // client id
  int32(-1); // no replica
  int32(100); // longest wait
  int32(1);
  int32(10_000_000);
  at = request.writeInt8(0, at); // uncommitted too
  int32(1);
  int16(name.length);
  const head = request.subarray(0, at);
  const tail = Buffer.alloc(20);
  tail.writeInt32BE(1, 0);
  tail.writeInt32BE(partition, 4);
  tail.writeInt32BE(10_000_000, 16);
  return Buffer.concat([head, name, tail]);
}

async function exchange(broker: string, request: Buffer): Promise<Buffer> {
  const [host = '', port = ''] = broker.split(':');
  const socket = connect({ host, port: Number(port) });
  await once(socket, 'connect');
  const size = Buffer.alloc(4);
  size.writeInt32BE(request.length);
  socket.write(Buffer.concat([size, request]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, Buffer.from(chunk)]);
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) break;
  }
  return received.subarray(4);
}
