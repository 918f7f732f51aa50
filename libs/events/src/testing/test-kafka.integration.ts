import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { Broker, isRunning } from './broker.js';
import { describeWithOwnKafka } from './describe-with-kafka.js';
import { startTestKafka, type TestKafka } from './test-kafka.js';

const startTimeoutMs = 240_000;

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 50_000;
  while (!(await check())) {
    if (performance.now() > deadlineMs) throw new Error('it has not happened within 50 s');
    await sleep(20);
  }
}

/** Whether anything listens at the address. */
async function isListening(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function clientOf(brokers: string[]): Kafka {
  return new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING, retry: { retries: 30, maxRetryTime: 2_000 } });
}

async function produce(brokers: string[], value: string): Promise<void> {
  const producer = clientOf(brokers).producer();
  await producer.connect();
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value }] });
  await producer.disconnect();
}

async function read(brokers: string[], count: number): Promise<string[]> {
  const consumer = clientOf(brokers).consumer({ groupId: 'reader', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: 'kept', fromBeginning: true });
  const values: string[] = [];
  await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
  await until(() => values.length >= count);
  await consumer.disconnect();
  return values;
}

async function createTopic(brokers: string[]): Promise<void> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
}

describeWithOwnKafka('a broker of the tests', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startTestKafka();
  }, startTimeoutMs);
  afterAll(() => kafka.stop());

  it(
    'keeps its records and its address when it is killed and started again',
    async () => {
      const [address = ''] = kafka.brokers;
      await createTopic(kafka.brokers);
      await produce(kafka.brokers, 'before');
      await kafka.kill();
      expect(await isListening(address)).toBe(false);
      await kafka.start();
      expect(kafka.brokers).toEqual([address]);
      await produce(kafka.brokers, 'after');
      expect(await read(kafka.brokers, 2)).toEqual(['before', 'after']);
    },
    startTimeoutMs,
  );

  it('is gone after its end, which may come twice', async () => {
    const [address = ''] = kafka.brokers;
    await kafka.stop();
    await kafka.stop();
    expect(await isListening(address)).toBe(false);
    await expect(kafka.start()).rejects.toThrow('has ended');
  });
});

describe('a broker that is a script', () => {
  /** Holds `kafka/kafka.sh`, the processes that it started in `pids`, and their data in `data`. */
  let tools: string;
  const environment = process.env;
  /** A process that sleeps, as the broker; `fails` may end the script before. */
  const script = (fails = '') => `#!/usr/bin/env bash
${fails}
sleep 600 >/dev/null 2>&1 </dev/null & echo $! > "$KAFKA_DATA/broker.pid"; echo $! >> "${tools}/pids"`;
  const scriptPath = () => join(tools, 'kafka', 'kafka.sh');
  const pids = async () => (await readFile(join(tools, 'pids'), 'utf8')).trim().split('\n').map(Number);
  const leftovers = () => readdir(join(tools, 'data'));

  beforeEach(async () => {
    tools = await mkdtemp(join(tmpdir(), 'q2-tools-'));
    await mkdir(join(tools, 'kafka'));
    await mkdir(join(tools, 'data'));
    await writeFile(scriptPath(), script());
    process.env = { PATH: environment['PATH'] ?? '', TMPDIR: join(tools, 'data'), Q2_TOOLS: tools };
  });
  afterEach(async () => {
    process.env = environment;
    await rm(tools, { recursive: true });
  });

  it('is killed, started again and removed', async () => {
    const broker = await Broker.start(scriptPath());
    const { address } = broker;
    await broker.kill();
    await broker.kill();
    await broker.restart();
    const [first = 0, second = 0] = await pids();
    expect(await isRunning(first)).toBe(false);
    expect(await isRunning(second)).toBe(true);
    expect(broker.address).toBe(address);
    await broker.remove();
    expect(await isRunning(second)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it('says why it does not start, after several tries that leave nothing behind', async () => {
    await writeFile(scriptPath(), script('echo try >> "$Q2_TOOLS/tries"; echo no room > "$KAFKA_DATA/broker.log"; echo it died; exit 1'));
    await expect(startTestKafka()).rejects.toThrow(/Kafka did not start: it died\nno room/);
    expect(await readFile(join(tools, 'tries'), 'utf8')).toBe('try\n'.repeat(3));
    expect(await leftovers()).toEqual([]);
  });

  it('comes back on the second try where the first fails', async () => {
    const broker = await Broker.start(scriptPath());
    await broker.kill();
    await writeFile(scriptPath(), script('[ -f "$Q2_TOOLS/once" ] || { touch "$Q2_TOOLS/once"; exit 1; }'));
    await broker.restart();
    await broker.kill();
    await writeFile(scriptPath(), script('exit 1'));
    await expect(broker.restart()).rejects.toThrow('Kafka did not start');
    await broker.remove();
    for (const pid of await pids()) expect(await isRunning(pid)).toBe(false);
  });

  it('does not outlive a user that is killed', async () => {
    const library = new URL('./test-kafka.js', import.meta.url).href;
    const program = `const { startTestKafka } = await import(${JSON.stringify(library)});
      await startTestKafka(); console.log('started'); setInterval(() => undefined, 60_000);`;
    const user = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: process.env,
    });
    await once(user.stdout, 'data');
    const [pid = 0] = await pids();
    expect(await isRunning(pid)).toBe(true);
    user.kill('SIGKILL');
    await until(async () => !(await isRunning(pid)) && (await leftovers()).length === 0);
  });

  it('is taken away too where what keeps it is told to end', async () => {
    const keeper = fork(new URL('./broker-keeper.main.js', import.meta.url), [scriptPath()], { execArgv: [], env: process.env });
    keeper.send('start');
    await once(keeper, 'message');
    const [pid = 0] = await pids();
    keeper.kill('SIGTERM');
    expect(await once(keeper, 'exit')).toEqual([0, null]);
    expect(await isRunning(pid)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it('lets a user end that has forgotten it', async () => {
    const library = new URL('./test-kafka.js', import.meta.url).href;
    const program = `await (await import(${JSON.stringify(library)})).startTestKafka();`;
    const user = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit', env: process.env });
    expect(await once(user, 'exit')).toEqual([0, null]);
    await until(async () => (await leftovers()).length === 0);
  });
});

describe('startTestKafka', () => {
  const environment = process.env;
  afterEach(() => {
    process.env = environment;
  });

  it('gives the server named, which it neither kills nor ends', async () => {
    process.env = { KAFKA_BROKERS: 'one:9092,two:9092' };
    const kafka = await startTestKafka();
    expect(kafka.brokers).toEqual(['one:9092', 'two:9092']);
    await expect(kafka.kill()).rejects.toThrow("one:9092,two:9092 is not the tests' own");
    await expect(kafka.start()).rejects.toThrow('neither killed nor started');
    await kafka.stop();
  });

  it('fails where there is no Kafka', async () => {
    process.env = {};
    await expect(startTestKafka()).rejects.toThrow('there is no Kafka');
  });
});
