import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKafka } from './kafka-source.js';

const tools = mkdtempSync(join(tmpdir(), 'q2-tools-'));
const script = join(tools, 'kafka', 'kafka.sh');

beforeAll(() => {
  mkdirSync(join(tools, 'kafka'));
  writeFileSync(script, '');
});
afterAll(() => rmSync(tools, { recursive: true }));

describe('findKafka', () => {
  it('prefers a broker of its own to a server', () => {
    expect(findKafka({ Q2_TOOLS: tools, KAFKA_BROKERS: 'kafka:9092' })).toEqual({ kind: 'script', script });
  });

  it('takes the server named where it has no tools', () => {
    const server = { kind: 'server', brokers: ['one:9092', 'two:9092'] };
    expect(findKafka({ KAFKA_BROKERS: ' one:9092, two:9092,' })).toEqual(server);
    expect(findKafka({ Q2_TOOLS: join(tools, 'kafka'), KAFKA_BROKERS: 'one:9092,two:9092' })).toEqual(server);
  });

  it('says what is missing where there is neither', () => {
    const reason = expect.stringMatching(/KAFKA_BROKERS .* Q2_TOOLS/);
    expect(findKafka({})).toEqual({ kind: 'none', reason });
    expect(findKafka({ Q2_TOOLS: '', KAFKA_BROKERS: ' , ' })).toEqual({ kind: 'none', reason });
  });
});
