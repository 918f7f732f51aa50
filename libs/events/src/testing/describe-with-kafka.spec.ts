import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { describeWithKafka, describeWithOwnKafka, kafkaIsAvailable } from './describe-with-kafka.js';

const tools = mkdtempSync(join(tmpdir(), 'q2-tools-'));
const environment = process.env;
const { describe: realDescribe, it: realIt } = globalThis;

beforeAll(() => {
  mkdirSync(join(tools, 'kafka'));
  writeFileSync(join(tools, 'kafka', 'kafka.sh'), '');
});
afterAll(() => rmSync(tools, { recursive: true }));
afterEach(() => {
  process.env = environment;
  Reflect.set(globalThis, 'describe', realDescribe);
  Reflect.set(globalThis, 'it', realIt);
  jest.restoreAllMocks();
});

const body = () => undefined;

/** Defines a suite in an environment, on a runner that only takes notes. */
function define(describeSuite: typeof describeWithKafka, settings: Record<string, string>) {
  process.env = settings;
  const skip = jest.fn();
  const run = Object.assign(jest.fn<(name: string, define: () => void) => void>(), { skip });
  const test = jest.fn<(name: string, check: () => Promise<void>) => void>();
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  Reflect.set(globalThis, 'describe', run);
  Reflect.set(globalThis, 'it', test);
  describeSuite('events', body);
  return { run, skip, test, said };
}

describe('describeWithKafka', () => {
  it('defines the suite where there is Kafka', () => {
    for (const settings of [{ Q2_TOOLS: tools }, { KAFKA_BROKERS: 'kafka:9092', CI: 'true' }]) {
      const { run, skip, said } = define(describeWithKafka, settings);
      expect(run.mock.calls).toEqual([['events', body]]);
      expect(skip).not.toHaveBeenCalled();
      expect(said).not.toHaveBeenCalled();
    }
  });

  it('skips the suite with one line that says why where there is none', () => {
    const { run, skip, said } = define(describeWithKafka, {});
    expect(run).not.toHaveBeenCalled();
    expect(skip.mock.calls).toEqual([['events', body]]);
    expect(said.mock.calls).toEqual([[expect.stringMatching(/^skipped: events: there is no Kafka: .*\n$/)]]);
  });

  it('puts a failing test in its place under CI', async () => {
    const { run, skip, test } = define(describeWithKafka, { CI: 'true' });
    expect(skip).not.toHaveBeenCalled();
    expect(run).toHaveBeenCalledWith('events', expect.any(Function));
    run.mock.calls[0]?.[1]();
    await expect(test.mock.calls[0]?.[1]()).rejects.toThrow('there is no Kafka');
  });
});

describe('describeWithOwnKafka', () => {
  it('takes no server that others use', () => {
    expect(define(describeWithOwnKafka, { Q2_TOOLS: tools }).run.mock.calls).toEqual([['events', body]]);
    const { skip, said } = define(describeWithOwnKafka, { KAFKA_BROKERS: 'kafka:9092' });
    expect(skip).toHaveBeenCalledTimes(1);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('it kills brokers'));
  });
});

describe('kafkaIsAvailable', () => {
  it('says whether there is a script or a server', () => {
    process.env = {};
    expect(kafkaIsAvailable()).toBe(false);
    process.env = { KAFKA_BROKERS: 'kafka:9092' };
    expect(kafkaIsAvailable()).toBe(true);
  });
});
