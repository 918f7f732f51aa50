import { logLevel } from 'kafkajs';
import { kafkaLog } from './kafka-client.js';

describe('kafkaLog', () => {
  const lines: unknown[] = [];
  const write = (level: string) => (details: object, message: string) => void lines.push([level, message, details]);
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  let nowMs = 0;
  const take = (level: logLevel, message: string, more: object = {}) =>
    kafkaLine({ namespace: 'Connection', level, label: '', log: { timestamp: '', message, ...more } });
  let kafkaLine: ReturnType<typeof kafkaLog>;

  beforeEach(() => {
    lines.length = 0;
    kafkaLine = kafkaLog(log, () => nowMs);
  });

  it('warns of what kafkajs calls errors, for it tries again, and tells what it warns of', () => {
    take(logLevel.ERROR, 'Connection error', { broker: 'b:1' });
    take(logLevel.WARN, 'The group is rebalancing', { groupId: 'g' });
    expect(lines).toEqual([
      ['warn', 'kafka: Connection error', { kafka: 'Connection', broker: 'b:1' }],
      ['info', 'kafka: The group is rebalancing', { kafka: 'Connection', groupId: 'g' }],
    ]);
  });

  it('keeps payloads, stacks and credentials to itself', () => {
    take(logLevel.ERROR, 'failed', { payload: 'secret', stack: 'long', sasl: { password: 'secret' }, messages: ['secret'] });
    expect(lines).toEqual([['warn', 'kafka: failed', { kafka: 'Connection' }]]);
  });

  it('says nothing of the details, and not the same again and again', () => {
    take(logLevel.INFO, 'Consumer has joined the group');
    take(logLevel.ERROR, 'Crash: KafkaJSError: x');
    take(logLevel.ERROR, 'away');
    take(logLevel.ERROR, 'away');
    nowMs += 10_000;
    take(logLevel.ERROR, 'away');
    expect(lines).toHaveLength(2);
  });

  it('forgets lines that are never said again', () => {
    for (let number = 0; number < 250; number += 1) take(logLevel.ERROR, `line ${number}`);
    take(logLevel.ERROR, 'line 249');
    expect(lines).toHaveLength(250);
  });
});
