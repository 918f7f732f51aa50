import { bytesOf, fromKafkaMessage, toKafkaMessage } from './kafka-records.js';

const stored = { attributes: 0, offset: '41', timestamp: '1764547200000' };

describe('toKafkaMessage', () => {
  it('copies no bytes', () => {
    const value = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    const message = toKafkaMessage({ topic: 't', key: 'k', headers: { a: 'b' }, value });
    expect(message).toEqual({ key: 'k', headers: { a: 'b' }, value: Buffer.from([1, 2]) });
    expect(Buffer.isBuffer(message.value) && message.value.buffer).toBe(value.buffer);
  });
});

describe('fromKafkaMessage', () => {
  it('reads place, time, key, headers and value', () => {
    const message = { ...stored, key: Buffer.from('ключ'), value: Buffer.from('v'), headers: { ce_id: Buffer.from('1') } };
    expect(fromKafkaMessage('t', 3, message)).toEqual({
      ...{ topic: 't', partition: 3, offset: '41', key: 'ключ', headers: { ce_id: '1' }, value: Buffer.from('v') },
      storedAt: new Date('2025-12-01T00:00:00Z'),
    });
  });

  it('reads what producers outside leave out, or say twice', () => {
    const headers = { twice: [Buffer.from('1'), Buffer.from('2')], none: undefined };
    expect(fromKafkaMessage('t', 0, { ...stored, key: null, value: null, headers })).toMatchObject({
      ...{ key: '', value: Buffer.alloc(0), headers: { twice: '2', none: '' } },
    });
    expect(fromKafkaMessage('t', 0, { ...stored, size: 1, key: null, value: null }).headers).toEqual({});
  });
});

describe('bytesOf', () => {
  it('counts key, headers and value as they are encoded', () => {
    expect(bytesOf({ topic: 't', key: 'ü', headers: { a: 'bc' }, value: Buffer.alloc(5) })).toBe(2 + 1 + 2 + 4 + 5 + 32);
  });
});
