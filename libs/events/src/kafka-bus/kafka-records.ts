import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { BusMessage, BusRecord } from '../event-bus.port.js';

/** Writes a message as kafkajs takes it; nothing is copied. */
export function toKafkaMessage({ key, headers, value }: BusMessage): Message {
  return { key, headers: { ...headers }, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
}

/** Reads a record. One from outside may lack key, headers or value, or have a header twice: the last one counts, as in Kafka's own clients. */
export function fromKafkaMessage(topic: string, partition: number, message: KafkaMessage): BusRecord {
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? '',
    headers: readHeaders(message.headers ?? {}),
    value: message.value ?? Buffer.alloc(0),
    storedAt: new Date(Number(message.timestamp)),
  };
}

/** Bytes that a message needs, near enough to keep a batch under the brokers' limit. */
export function bytesOf({ key, headers, value }: BusMessage): number {
  const ofHeaders = Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + 4, 0);
  return Buffer.byteLength(key) + ofHeaders + value.byteLength + 32;
}

function readHeaders(headers: IHeaders): Record<string, string> {
  const read = Object.entries(headers).map(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last?.toString() ?? ''] as const;
  });
  return Object.fromEntries(read);
}
